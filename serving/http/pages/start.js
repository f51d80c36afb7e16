// Starts Swagger UI. It is a file because the pages' policy allows no script inside them.
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  validatorUrl: null, // no description is sent to a validator on the internet
});
