export const postgresConnector = {};
