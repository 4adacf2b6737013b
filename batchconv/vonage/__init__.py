"""All that is true of the Conversion API alone: endpoint, parameters, authentication, verdicts."""
