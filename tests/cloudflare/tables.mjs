// What the stub of Cloudflare's API knows: its accounts, its tokens, and the members that it takes.

export const tables = {
  accounts: [{ id: "0123456789abcdef0123456789abcdef", name: "Ada's Account", type: "standard" }],
  tokens: ["a-token-of-ada"],
  fields: {
    metadata: ["main_module", "bindings", "compatibility_date?", "compatibility_flags?", "annotations?", "keep_bindings?", "tags?", "observability?", "tail_consumers?", "logpush?", "migrations?", "limits?", "placement?", "capnp_schema?", "usage_model?", "containers?", "code_update_strategy?"],
    bindings: {
      plain_text: ["name", "type", "text"],
      inherit: ["name", "type"],
      json: ["name", "type", "json"],
      secret_text: ["name", "type", "text"],
      kv_namespace: ["name", "type", "namespace_id"],
      d1: ["name", "type", "id"],
      r2_bucket: ["name", "type", "bucket_name", "jurisdiction?"],
      durable_object_namespace: ["name", "type", "class_name", "script_name?", "environment?"],
    },
    script_settings: ["tags?", "observability?", "tail_consumers?", "logpush?"],
  },
};
