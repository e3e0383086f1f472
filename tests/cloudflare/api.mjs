// Cloudflare's API as far as cargo pmcp and wrangler use it: one account, one token, and no word too many or too few.
// node api.mjs PORT FOLDER: listens on loopback, and keeps what is uploaded in FOLDER.

import { createHash, randomUUID } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { tables } from "./tables.mjs";

const [, , port, folder] = process.argv;
const { accounts, tokens, fields } = tables;

const scripts = new Map();
const databases = new Map();
const namespaces = new Map();
const buckets = new Map();
const sockets = new Map();
const now = () => new Date().toISOString();

class Refused extends Error {
  constructor(status, code, message) {
    super(message);
    Object.assign(this, { status, code });
  }
}

const refuse = (status, code, message) => {
  throw new Refused(status, code, message);
};

/** Members that are there and no others; `?` at the end of a name lets it be missing. */
const expect = (value, names, where) => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) refuse(400, 10021, `${where}: no object`);
  const known = names.map((name) => name.replace("?", ""));
  const unknown = Object.keys(value).filter((name) => !known.includes(name));
  const missing = names.filter((name) => !name.endsWith("?") && !(name in value));
  if (unknown.length) refuse(400, 10021, `${where}: unknown ${unknown}`);
  if (missing.length) refuse(400, 10021, `${where}: missing ${missing}`);
  return value;
};

const script = (name) =>
  scripts.get(name) ?? refuse(404, 10007, "This Worker does not exist on your account.");

const page = (list, query) => {
  const [number, size] = [Number(query.get("page") ?? 1), Number(query.get("per_page") ?? 20)];
  const result = list.slice((number - 1) * size, number * size);
  const result_info = { page: number, per_page: size, count: result.length, total_count: list.length };
  return { result, result_info };
};

/** A version of a script: what was uploaded, and what it inherits. */
const upload = async (name, request) => {
  const form = await new Response(request.body, { headers: request.headers }).formData();
  const metadata = expect(JSON.parse(form.get("metadata")), fields.metadata, "metadata");
  const parts = [...form].filter(([part]) => part !== "metadata");
  if (!parts.some(([part]) => part === metadata.main_module)) refuse(400, 10021, "main_module is no part");
  // A draft, which only has secrets, has none.
  if (!/^\d{4}-\d\d-\d\d$/.test(metadata.compatibility_date ?? "2021-11-02")) refuse(400, 10021, "compatibility_date is no date");
  for (const binding of metadata.bindings) {
    expect(binding, fields.bindings[binding.type] ?? refuse(400, 10021, `binding of type ${binding.type}`), binding.name);
    if (binding.type === "d1" && !databases.has(binding.id)) refuse(400, 10181, `D1 database ${binding.id} not found`);
    if (binding.type === "kv_namespace" && !namespaces.has(binding.namespace_id)) refuse(400, 10041, "KV namespace not found");
    if (binding.type === "r2_bucket" && !buckets.has(binding.bucket_name)) refuse(400, 10085, "R2 bucket not found");
  }
  const before = scripts.get(name);
  const kept = before?.secrets ?? new Map();
  for (const { name: own } of metadata.bindings) {
    if (kept.has(own)) refuse(400, 10053, `Binding name '${own}' already in use. Please use a different name and try again.`);
  }
  const found = before ?? { tags: [], versions: [], deployments: [], secrets: new Map(), subdomain: false, created_on: now() };
  scripts.set(name, found);
  const version = add(found, metadata, "upload");
  const target = join(folder, name, version.id);
  mkdirSync(target, { recursive: true });
  for (const [part, file] of parts) writeFileSync(join(target, part.replace(/^\.\//, "").replaceAll("/", "_")), Buffer.from(await file.arrayBuffer()));
  writeFileSync(join(target, "metadata.json"), JSON.stringify({ ...metadata, parts: parts.map(([part]) => part) }));
  writeFileSync(join(folder, name, "latest"), version.id);
  return version;
};

const add = (found, metadata, source) => {
  const id = randomUUID();
  const etag = createHash("sha256").update(id).digest("hex");
  const number = found.versions.length + 1;
  const version = {
    id,
    number,
    metadata: { created_on: now(), modified_on: now(), source: "wrangler", author_id: "1", author_email: "ada@example.com" },
    annotations: { "workers/triggered_by": source, ...metadata.annotations },
    resources: {
      script: { etag, handlers: ["fetch"], last_deployed_from: "wrangler" },
      script_runtime: { compatibility_date: metadata.compatibility_date, usage_model: "standard" },
      bindings: metadata.bindings,
    },
    startup_time_ms: 5,
  };
  found.versions.push(version);
  return version;
};

const go_live = (found, versions, annotations = {}) => {
  const deployment = { id: randomUUID(), source: "wrangler", strategy: "percentage", author_email: "ada@example.com", created_on: now(), annotations, versions };
  found.deployments.unshift(deployment);
  return deployment;
};

const bindings = (found) => [
  ...(found.versions.at(-1)?.resources.bindings ?? []),
  ...[...found.secrets.keys()].map((name) => ({ name, type: "secret_text" })),
];

const routes = [
  ["GET", "/user", () => ({ id: "1", email: "ada@example.com" })],
  ["GET", "/user/tokens/verify", () => ({ id: "1", status: "active" })],
  ["GET", "/accounts", ({ query }) => page(accounts, query)],
  ["GET", "/memberships", ({ query }) => page(accounts.map((account) => ({ id: account.id, account, status: "accepted" })), query)],
  ["GET", "/accounts/:account/workers/subdomain", () => ({ subdomain: "ada" })],
  ["GET", "/accounts/:account/workers/services/:name", ({ name }) => {
    const found = script(name);
    return { id: name, default_environment: { environment: "production", script: { id: name, tags: found.tags, last_deployed_from: found.from ?? "wrangler" } } };
  }],
  ["PUT", "/accounts/:account/workers/scripts/:name", async ({ name, request }) => {
    const version = await upload(name, request);
    const found = script(name);
    go_live(found, [{ version_id: version.id, percentage: 100 }]);
    return { id: name, tag: "t", etag: version.resources.script.etag, deployment_id: version.id, startup_time_ms: 5, entry_point: "index.js" };
  }],
  ["GET", "/accounts/:account/workers/workers/:name", ({ name }) => {
    const { subdomain, tags } = script(name);
    return { id: name, name, tags, subdomain: { enabled: subdomain, previews_enabled: false, url: `https://${name}.ada.workers.dev` } };
  }],
  ["DELETE", "/accounts/:account/workers/services/:name", ({ name }) => {
    script(name);
    scripts.delete(name);
    rmSync(join(folder, name), { recursive: true, force: true });
    return null;
  }],
  ["GET", "/accounts/:account/workers/scripts/:name/references", ({ name }) => (script(name), { services: { incoming: [], outgoing: [] } })],
  ["GET", "/accounts/:account/workers/tails/by-consumer/:name", () => []],
  ["GET", "/accounts/:account/workers/scripts/:name/settings", ({ name }) => ({ bindings: bindings(script(name)), tags: script(name).tags })],
  ["GET", "/accounts/:account/workers/scripts/:name/script-settings", ({ name }) => ({ tags: script(name).tags })],
  ["PATCH", "/accounts/:account/workers/scripts/:name/script-settings", ({ name, body }) => {
    expect(body, fields.script_settings, "script-settings");
    if (body.tags) script(name).tags = body.tags;
    return { tags: script(name).tags };
  }],
  ["GET", "/accounts/:account/workers/scripts/:name/subdomain", ({ name }) => ({ enabled: script(name).subdomain, previews_enabled: false })],
  ["POST", "/accounts/:account/workers/scripts/:name/subdomain", ({ name, body }) => {
    expect(body, ["enabled", "previews_enabled?"], "subdomain");
    script(name).subdomain = body.enabled;
    return { enabled: body.enabled, previews_enabled: body.previews_enabled ?? false };
  }],
  ["GET", "/accounts/:account/workers/services/:name/environments/production/routes", ({ name }) => (script(name), [])],
  ["GET", "/accounts/:account/workers/scripts/:name/schedules", ({ name }) => (script(name), { schedules: [] })],
  ["GET", "/accounts/:account/workers/domains", ({ query }) => ((scripts.get(query.get("service"))?.domains ?? []))],
  ["POST", "/accounts/:account/workers/scripts/:name/versions", async ({ name, request, query }) => {
    if (query.get("bindings_inherit") !== "strict") refuse(400, 10021, "bindings_inherit");
    script(name);
    return upload(name, request);
  }],
  ["GET", "/accounts/:account/workers/scripts/:name/versions", ({ name, query }) => {
    const { result } = page([...script(name).versions].reverse(), query);
    return { items: result };
  }],
  ["GET", "/accounts/:account/workers/scripts/:name/versions/:id", ({ name, id }) =>
    script(name).versions.find((version) => version.id === id) ?? refuse(404, 100146, "Version not found")],
  ["GET", "/accounts/:account/workers/scripts/:name/deployments", ({ name }) => ({ deployments: script(name).deployments })],
  ["POST", "/accounts/:account/workers/scripts/:name/deployments", ({ name, body }) => {
    expect(body, ["strategy", "versions", "annotations?", "code_update_strategy?"], "deployment");
    const found = script(name);
    for (const version of body.versions) {
      expect(version, ["version_id", "percentage"], "version");
      if (!found.versions.some(({ id }) => id === version.version_id)) refuse(400, 100146, "Version not found");
    }
    return go_live(found, body.versions, body.annotations);
  }],
  ["GET", "/accounts/:account/workers/scripts/:name/secrets", ({ name }) => [...script(name).secrets.keys()].map((key) => ({ name: key, type: "secret_text" }))],
  ["PATCH", "/accounts/:account/workers/scripts/:name/secrets-bulk", ({ name, body, request }) => {
    if (request.headers.get("content-type") !== "application/merge-patch+json") refuse(415, 10021, "content-type");
    expect(body, ["secrets"], "secrets-bulk");
    const found = script(name);
    if (found.versions.at(-1).id !== found.deployments[0]?.versions[0].version_id) {
      refuse(400, 10215, "Secret edit failed. You attempted to modify a secret, but the latest version of your Worker isn't currently deployed.");
    }
    for (const [key, secret] of Object.entries(body.secrets)) {
      if (secret === null) {
        if (!found.secrets.delete(key)) refuse(400, 10056, `Binding ${key} not found`);
        continue;
      }
      expect(secret, ["name", "text", "type"], key);
      if (secret.type !== "secret_text" || secret.name !== key) refuse(400, 10021, key);
      if (found.versions.at(-1)?.resources.bindings.some((binding) => binding.name === key)) {
        refuse(400, 10053, `Binding name '${key}' already in use. Please use a different name and try again.`);
      }
      found.secrets.set(key, secret.text);
    }
    changed(name, found);
    return { secrets: [...found.secrets.keys()] };
  }],
  ["DELETE", "/accounts/:account/workers/scripts/:name/secrets/:key", ({ name, key }) => {
    const found = script(name);
    if (!found.secrets.delete(key)) refuse(404, 10056, `Binding ${key} not found`);
    changed(name, found);
    return null;
  }],
  ["POST", "/accounts/:account/workers/scripts/:name/tails", ({ name, body }) => {
    expect(body, ["filters"], "tail");
    script(name);
    const id = randomUUID();
    sockets.set(id, { name, search: body.filters.find(({ query }) => query)?.query ?? "" });
    return { id, url: `ws://127.0.0.1:${port}/tail/${id}`, expires_at: new Date(Date.now() + 3600000).toISOString() };
  }],
  ["DELETE", "/accounts/:account/workers/scripts/:name/tails/:id", ({ id }) => (sockets.delete(id), null)],
  ["GET", "/accounts/:account/storage/kv/namespaces", ({ query }) => page([...namespaces.values()], query)],
  ["POST", "/accounts/:account/storage/kv/namespaces", ({ body }) => {
    expect(body, ["title"], "namespace");
    if ([...namespaces.values()].some(({ title }) => title === body.title)) {
      refuse(400, 10014, "create namespace: 'a namespace with this account ID and title already exists'");
    }
    const namespace = { id: randomUUID().replaceAll("-", ""), title: body.title, supports_url_encoding: true };
    namespaces.set(namespace.id, namespace);
    return namespace;
  }],
  ["GET", "/accounts/:account/storage/kv/namespaces/:id", ({ id }) => namespaces.get(id) ?? refuse(404, 10013, "get namespace: 'namespace not found'")],
  ["DELETE", "/accounts/:account/storage/kv/namespaces/:id", ({ id }) => namespaces.delete(id) ? null : refuse(404, 10013, "remove namespace: 'namespace not found'")],
  ["GET", "/accounts/:account/d1/database", ({ query }) => {
    const list = [...databases.values()].map(({ uuid, name }) => ({ uuid, name, version: "production", created_at: now() }));
    return page(list.filter(({ name }) => name === (query.get("name") ?? name)), query);
  }],
  ["POST", "/accounts/:account/d1/database", ({ body }) => {
    expect(body, ["name"], "database");
    if ([...databases.values()].some(({ name }) => name === body.name)) refuse(400, 7502, "Database with name already exists");
    const database = { uuid: randomUUID(), name: body.name, sql: new DatabaseSync(":memory:") };
    databases.set(database.uuid, database);
    return { uuid: database.uuid, name: database.name, version: "production", created_at: now() };
  }],
  ["GET", "/accounts/:account/d1/database/:id", ({ id }) => {
    const found = databases.get(id) ?? refuse(404, 7404, "The database was not found");
    return { uuid: found.uuid, name: found.name, version: "production", created_at: now() };
  }],
  ["DELETE", "/accounts/:account/d1/database/:id", ({ id }) => databases.delete(id) ? null : refuse(404, 7404, "The database was not found")],
  ["POST", "/accounts/:account/d1/database/:id/query", ({ id, body }) => {
    expect(body, ["sql", "params?"], "query");
    const { sql } = databases.get(id) ?? refuse(404, 7404, "The database was not found");
    try {
      let results = [];
      const one = body.sql.trim().replace(/;$/, "");
      if (/^(select|pragma)/i.test(one)) results = sql.prepare(one).all(...(body.params ?? []));
      else sql.exec(body.sql);
      return [{ results, success: true, meta: { duration: 0.1, changes: 0, last_row_id: 0, rows_read: 0, rows_written: 0, size_after: 4096, changed_db: false } }];
    } catch (error) {
      return refuse(400, 7500, error.message);
    }
  }],
  ["GET", "/accounts/:account/r2/buckets", () => ({ buckets: [...buckets.values()] })],
  ["POST", "/accounts/:account/r2/buckets", ({ body }) => {
    expect(body, ["name"], "bucket");
    if (buckets.has(body.name)) refuse(409, 10004, "The bucket you tried to create already exists, and you own it.");
    buckets.set(body.name, { name: body.name, creation_date: now() });
    return buckets.get(body.name);
  }],
  ["GET", "/accounts/:account/r2/buckets/:name", ({ name }) => buckets.get(name) ?? refuse(404, 10006, "The specified bucket does not exist.")],
  ["DELETE", "/accounts/:account/r2/buckets/:name", ({ name }) => buckets.delete(name) ? null : refuse(404, 10006, "The specified bucket does not exist.")],
];

/** Another secret is another version, which is live at once. */
const changed = (name, found) => {
  const before = found.versions.at(-1);
  if (!before) return;
  const { id } = add(found, { bindings: before.resources.bindings, compatibility_date: "2026-10-01" }, "secret");
  go_live(found, [{ version_id: id, percentage: 100 }]);
  writeFileSync(join(folder, name, `${id}.secrets`), "");
};

const match = (method, path) => {
  let others = false;
  for (const [verb, pattern, run] of routes) {
    const [want, have] = [pattern.split("/"), path.split("/")];
    if (want.length !== have.length || !want.every((part, at) => part.startsWith(":") || part === have[at])) continue;
    if (verb !== method) {
      others = true;
      continue;
    }
    const named = want.map((part, at) => [part.slice(1), decodeURIComponent(have[at])]).filter((_, at) => want[at].startsWith(":"));
    return [run, Object.fromEntries(named)];
  }
  return others ? refuse(405, 10405, "Method not allowed for this authentication scheme") : refuse(404, 7003, `Could not route to ${path}`);
};

const answer = async (incoming) => {
  const url = new URL(incoming.url, "http://127.0.0.1");
  const chunks = [];
  for await (const chunk of incoming) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  if (url.pathname === "/-/log" && incoming.method === "POST") return tell(JSON.parse(bytes));
  if (url.pathname === "/-/state") return state();
  const token = /^Bearer (.+)$/.exec(incoming.headers.authorization ?? "")?.[1];
  if (token === undefined) refuse(400, 9106, "Authentication failed (status: 400)");
  if (!tokens.includes(token)) refuse(403, 9109, "Invalid access token");
  const [run, named] = match(incoming.method, url.pathname);
  if (named.account && !accounts.some(({ id }) => id === named.account)) {
    refuse(404, 7003, `Could not route to ${url.pathname.replace("/accounts", "/client/v4/accounts")}, perhaps your object identifier is invalid?`);
  }
  const request = { headers: new Headers(incoming.headers), body: bytes };
  // wrangler does not always say that it is JSON.
  const is_form = /form-data/.test(incoming.headers["content-type"] ?? "");
  const body = !is_form && bytes.length ? JSON.parse(bytes) : undefined;
  const result = await run({ ...named, query: url.searchParams, request, body });
  return result?.result_info ? result : { result };
};

/** What a Worker that answers would have logged. */
const tell = ({ name, message }) => {
  let told = 0;
  for (const { name: own, search, socket } of sockets.values()) {
    if (own !== name || !socket || !message.includes(search)) continue;
    const timestamp = Date.now();
    const event = { request: { url: `https://${name}.ada.workers.dev/mcp`, method: "POST", headers: {}, cf: {} }, response: { status: 200 } };
    const logs = [{ message: [message], level: "log", timestamp }];
    socket.send(JSON.stringify({ outcome: "ok", scriptName: name, scriptVersion: { id: "v" }, exceptions: [], diagnosticsChannelEvents: [], eventTimestamp: timestamp, event, logs }));
    told += 1;
  }
  return { result: { told } };
};

const state = () => ({
  result: {
    scripts: [...scripts].map(([name, { versions, deployments, tags, subdomain, secrets }]) => ({ name, versions: versions.map(({ id }) => id), live: deployments[0]?.versions[0].version_id, tags, subdomain, secrets: Object.fromEntries(secrets) })),
    databases: [...databases.values()].map(({ uuid, name, sql }) => ({ uuid, name, tables: sql.prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name").all().map(({ name: table }) => table) })),
    namespaces: [...namespaces.values()].map(({ title }) => title),
    buckets: [...buckets.keys()],
  },
});

const server = createServer(async (incoming, outgoing) => {
  let status = 200;
  let reply;
  try {
    reply = { success: true, errors: [], messages: [], ...(await answer(incoming)) };
  } catch (error) {
    status = error.status ?? 500;
    const { code = 10000, message } = error;
    reply = { success: false, errors: [{ code, message }], messages: [], result: null };
  }
  console.log(`${incoming.method} ${incoming.url} ${status}${reply.success ? "" : ` ${JSON.stringify(reply.errors)}`}`);
  outgoing.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(reply));
});

/** A text message as a WebSocket has it; wrangler's own are not needed, and not masked as they should be. */
const frame = (text) => {
  const payload = Buffer.from(text);
  const head = payload.length < 126 ? Buffer.from([0x81, payload.length]) : Buffer.from([0x81, 126, payload.length >> 8, payload.length & 255]);
  return Buffer.concat([head, payload]);
};

server.on("upgrade", (request, socket) => {
  const tail = sockets.get(request.url.split("/").at(-1));
  if (!tail || request.headers["sec-websocket-protocol"] !== "trace-v1") return socket.destroy();
  const accept = createHash("sha1").update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: ${accept}\r\nsec-websocket-protocol: trace-v1\r\n\r\n`);
  socket.on("error", () => socket.destroy());
  socket.on("data", () => {});
  Object.assign(tail, { socket: { send: (text) => socket.write(frame(text)) } });
});
server.listen(Number(port), "127.0.0.1");
