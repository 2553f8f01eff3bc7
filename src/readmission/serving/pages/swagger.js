SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#page",
  deepLinking: true,
  // the badge would ask a validator on another host
  validatorUrl: null,
});
