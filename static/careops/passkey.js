/* Passkeys need a script. Pages show what needs them (data-passkey), or hide what says that they are missing. */
"use strict";

const each = (what, does) => document.querySelectorAll(`[data-${what}]`).forEach(does);

if (window.PublicKeyCredential) {
  each("passkey", (part) => { part.hidden = false; });
  each("no-passkey", (part) => { part.hidden = true; });
}

document.addEventListener("allauth.error", (event) => {
  event.preventDefault(); // allauth would tell the console alone
  each("passkey-failed", (part) => { part.hidden = false; });
});
