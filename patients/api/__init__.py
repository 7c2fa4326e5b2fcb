"""The API's nouns of people: one file each."""
