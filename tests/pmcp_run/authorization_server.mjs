// An authorization server on loopback: `oidc-provider`, with the client that cargo pmcp is, and a login page that takes
// everybody. Arguments: the folder with its packages, and how long access tokens are good, in seconds.
import { createServer } from "node:http";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [packages, seconds] = process.argv.slice(2);
const entry = join(packages, "node_modules/oidc-provider/lib/index.js");
const { Provider } = await import(pathToFileURL(entry));

const server = createServer();
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const issuer = `http://127.0.0.1:${server.address().port}`;
const provider = new Provider(issuer, {
  clients: [
    {
      client_id: "cargo-pmcp",
      application_type: "native",
      token_endpoint_auth_method: "none",
      redirect_uris: ["http://127.0.0.1/callback"],
      response_types: ["code"],
      grant_types: ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
    },
    {
      client_id: "pmcp.run",
      client_secret: "the-service",
      token_endpoint_auth_method: "client_secret_basic",
      redirect_uris: [],
      response_types: [],
      grant_types: [],
    },
  ],
  scopes: ["deploy", "offline_access"],
  cookies: { keys: ["only for tests"] },
  findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  features: {
    devInteractions: { enabled: true },
    deviceFlow: { enabled: true },
    introspection: { enabled: true, allowedPolicy: (_context, client) => client.clientId === "pmcp.run" },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_context, audience) => ({ audience, scope: "deploy", accessTokenTTL: Number(seconds) }),
    },
    revocation: { enabled: true },
  },
});
server.on("request", provider.callback());
console.log(issuer);
// Whoever started it closes this.
process.stdin.resume().on("end", () => process.exit());
