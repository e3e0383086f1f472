// The stack of this server. Everything here is yours to change: `cargo pmcp deploy init` never writes over it.
import { readFileSync } from "node:fs";
import { App } from "aws-cdk-lib";
import { ServerStack, type Settings } from "./server-stack.js";

// `cargo pmcp deploy` writes what .pmcp/deploy.toml says into this file, and names it here.
const file = process.env.PMCP_SETTINGS;
if (!file) {
  throw new Error("PMCP_SETTINGS is not set: deploy with `cargo pmcp deploy`");
}
const settings: Settings = JSON.parse(readFileSync(file, "utf8"));

const app = new App();
new ServerStack(app, settings);
app.synth();
