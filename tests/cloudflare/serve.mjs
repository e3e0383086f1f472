// Runs an uploaded Worker in workerd, with databases and buckets of this machine in the place of the account's.
// node serve.mjs PORT FOLDER PACKAGES: FOLDER has the upload, standard input its secrets and the SQL of its databases.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [, , port, folder, packages] = process.argv;
const { Miniflare } = createRequire(join(packages, "package.json"))("miniflare");
const { secrets, sql } = JSON.parse(readFileSync(0, "utf8"));
const { main_module, parts, bindings, compatibility_date } = JSON.parse(readFileSync(join(folder, "metadata.json"), "utf8"));

const module = (name) => {
  const path = join(folder, name.replaceAll("/", "_"));
  return { type: name.endsWith(".wasm") ? "CompiledWasm" : "ESModule", path: join(folder, name), contents: readFileSync(path) };
};
const of = (type, value) => Object.fromEntries(bindings.filter((binding) => binding.type === type).map((binding) => [binding.name, value(binding)]));
const named = parts.filter((name) => !name.endsWith(".map"));
const worker = new Miniflare({
  host: "127.0.0.1",
  port: Number(port),
  compatibilityDate: compatibility_date,
  modulesRoot: folder,
  modules: [main_module, ...named.filter((name) => name !== main_module)].map(module),
  bindings: { ...of("plain_text", ({ text }) => text), ...secrets },
  kvNamespaces: of("kv_namespace", ({ namespace_id }) => namespace_id),
  d1Databases: of("d1", ({ id }) => id),
  r2Buckets: of("r2_bucket", ({ bucket_name }) => bucket_name),
});
await worker.ready;
for (const [binding, statements] of Object.entries(sql)) {
  const database = await worker.getD1Database(binding);
  for (const statement of statements) await database.prepare(statement).run();
}
console.log("ready");
