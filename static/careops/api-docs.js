// The API's description as a page. Everything comes from this server; the key somebody types stays in this tab.
"use strict";

const place = document.getElementById("api");

SwaggerUIBundle({
  url: place.dataset.url,
  domNode: place,
  deepLinking: true,
  docExpansion: "none",
  defaultModelsExpandDepth: 0,
  persistAuthorization: false,
  validatorUrl: null,
});
