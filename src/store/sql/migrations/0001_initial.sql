R"sql(
-- Times are microseconds of service time; *_wall is the wall clock. JSON is text. Ids sort by the time they were made.
-- A column held_name is the name while it is held, and NULL from the commit that releases it.
CREATE TABLE resource (
  id TEXT NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL,
  parent TEXT NOT NULL,
  workspace TEXT NOT NULL,
  name TEXT NOT NULL,
  held_name TEXT,
  state TEXT NOT NULL,
  generation BIGINT NOT NULL,
  labels TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  deleted_at BIGINT,
  gone BIGINT NOT NULL
) {clustered};
CREATE UNIQUE INDEX resource_held_name ON resource (workspace, kind, held_name) WHERE held_name IS NOT NULL;
CREATE INDEX resource_released_name ON resource (workspace, kind, name, id) WHERE held_name IS NULL;
-- Tombstones stay and outnumber what lives: lists and scans of the living never walk them. The state itself is in no
-- index, for it changes all the time.
CREATE INDEX resource_live_by_workspace ON resource (workspace, kind, id) WHERE gone = 0;
CREATE INDEX resource_live ON resource (kind, id) WHERE gone = 0;
CREATE INDEX resource_gone_by_workspace ON resource (workspace, kind, id) WHERE gone = 1;

CREATE TABLE label (
  resource TEXT NOT NULL,
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (resource, name)
) {clustered};
CREATE INDEX label_by_value ON label (name, value, resource);

-- The narrow rows that keepalives write: nothing but wake_at is in an index.
CREATE TABLE lifetime (
  id TEXT NOT NULL PRIMARY KEY,
  state TEXT NOT NULL,
  generation BIGINT NOT NULL,
  max_age BIGINT,
  idle BIGINT,
  absolute_wall BIGINT,
  life_limit BIGINT,
  max_age_action TEXT NOT NULL,
  idle_action TEXT NOT NULL,
  absolute_action TEXT NOT NULL,
  born_at BIGINT NOT NULL,
  max_at BIGINT,
  limit_at BIGINT,
  keep_until BIGINT,
  active_at BIGINT NOT NULL,
  active_by TEXT NOT NULL,
  halted_at BIGINT,
  retention BIGINT,
  expires_at BIGINT,
  wake_at BIGINT
) {clustered};
CREATE INDEX lifetime_wake ON lifetime (wake_at, id) WHERE wake_at IS NOT NULL;

-- queue is the lane whose workers may claim the row, and NULL for every other row.
CREATE TABLE sandbox (
  id TEXT NOT NULL PRIMARY KEY,
  image TEXT NOT NULL,
  image_digest TEXT NOT NULL,
  cpus DOUBLE PRECISION NOT NULL,
  memory_mb BIGINT NOT NULL,
  pids BIGINT NOT NULL,
  disk_mb BIGINT NOT NULL,
  env TEXT NOT NULL,
  workdir TEXT NOT NULL,
  excluded_paths TEXT NOT NULL,
  restore_from TEXT NOT NULL,
  layer BIGINT NOT NULL,
  caveats TEXT NOT NULL,
  ending_reason TEXT,
  ending_actor TEXT,
  ending_at BIGINT,
  started_at BIGINT,
  cleanup_task TEXT NOT NULL,
  claim BIGINT NOT NULL,
  attempts BIGINT NOT NULL,
  next_attempt_at BIGINT,
  last_error TEXT NOT NULL,
  error_code TEXT NOT NULL,
  queue TEXT
) {clustered};
CREATE INDEX sandbox_queue ON sandbox (queue, next_attempt_at, id) WHERE queue IS NOT NULL;
CREATE INDEX sandbox_claimed ON sandbox (claim) WHERE claim <> 0;
CREATE INDEX sandbox_unrestored ON sandbox (restore_from) WHERE restore_from <> '' AND started_at IS NULL;

CREATE TABLE cleanup_task (
  id TEXT NOT NULL PRIMARY KEY,
  root TEXT NOT NULL,
  parent TEXT NOT NULL,
  verb TEXT NOT NULL,
  resource_level BIGINT NOT NULL,
  stage BIGINT NOT NULL,
  resource TEXT NOT NULL,
  workspace TEXT NOT NULL,
  source TEXT NOT NULL,
  metadata TEXT NOT NULL,
  phase TEXT NOT NULL,
  status TEXT NOT NULL,
  claim BIGINT NOT NULL,
  attempts BIGINT NOT NULL,
  next_attempt_at BIGINT,
  last_error TEXT NOT NULL,
  error_code TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  started_at BIGINT,
  completed_at BIGINT,
  queue TEXT
) {clustered};
CREATE INDEX cleanup_task_queue ON cleanup_task (queue, next_attempt_at, id) WHERE queue IS NOT NULL;
CREATE INDEX cleanup_task_claimed ON cleanup_task (claim) WHERE claim <> 0;
CREATE INDEX cleanup_task_tree ON cleanup_task (root, id);
CREATE INDEX cleanup_task_children ON cleanup_task (parent, stage, id) WHERE parent <> '';
CREATE INDEX cleanup_task_by_workspace ON cleanup_task (workspace, id);
CREATE INDEX cleanup_task_by_resource ON cleanup_task (resource, id);
CREATE INDEX cleanup_task_by_status ON cleanup_task (resource_level, status, id) WHERE resource_level = 1;

CREATE TABLE event (
  id TEXT NOT NULL PRIMARY KEY,
  type TEXT NOT NULL,
  subject TEXT NOT NULL,
  workspace TEXT NOT NULL,
  actor TEXT NOT NULL,
  request_id TEXT NOT NULL,
  data TEXT NOT NULL,
  happened_at BIGINT NOT NULL
) {clustered};
CREATE INDEX event_by_workspace ON event (workspace, id);
CREATE INDEX event_by_subject ON event (subject, id);

CREATE TABLE archive (
  id TEXT NOT NULL PRIMARY KEY,
  image TEXT NOT NULL,
  image_digest TEXT NOT NULL,
  cpus DOUBLE PRECISION NOT NULL,
  memory_mb BIGINT NOT NULL,
  pids BIGINT NOT NULL,
  disk_mb BIGINT NOT NULL,
  env TEXT NOT NULL,
  workdir TEXT NOT NULL,
  excluded_paths TEXT NOT NULL,
  restore_from TEXT NOT NULL,
  sandbox TEXT NOT NULL,
  sandbox_name TEXT NOT NULL,
  layer BIGINT NOT NULL,
  sandbox_generation BIGINT NOT NULL,
  blob_key TEXT NOT NULL,
  manifest_digest TEXT NOT NULL,
  entries BIGINT NOT NULL,
  content_bytes BIGINT NOT NULL,
  left_out BIGINT NOT NULL,
  stored_bytes BIGINT NOT NULL,
  verified_at BIGINT
) {clustered};
CREATE INDEX archive_by_sandbox ON archive (sandbox, id);

CREATE TABLE permit (
  instance TEXT NOT NULL,
  uid TEXT NOT NULL,
  layer BIGINT NOT NULL,
  generation BIGINT NOT NULL,
  archive TEXT NOT NULL,
  waiver TEXT NOT NULL,
  PRIMARY KEY (uid, layer, instance)
) {clustered};

CREATE TABLE image (
  name TEXT NOT NULL PRIMARY KEY,
  digest TEXT NOT NULL,
  bytes BIGINT NOT NULL,
  env TEXT NOT NULL,
  workdir TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX image_by_digest ON image (digest, name);

-- A slug is unique on the installation while it is held.
CREATE TABLE organization (
  id TEXT NOT NULL PRIMARY KEY,
  slug TEXT UNIQUE
);

CREATE TABLE workspace (
  id TEXT NOT NULL PRIMARY KEY,
  slug TEXT UNIQUE,
  always_archive BIGINT NOT NULL
);

CREATE TABLE app_user (
  id TEXT NOT NULL PRIMARY KEY,
  number BIGINT NOT NULL,
  name TEXT NOT NULL UNIQUE,
  role TEXT NOT NULL,
  active BIGINT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX app_user_number ON app_user (number) WHERE number <> 0;

CREATE TABLE api_key (
  id TEXT NOT NULL PRIMARY KEY,
  app_user TEXT NOT NULL,
  workspace TEXT NOT NULL,
  hash TEXT NOT NULL UNIQUE,
  hint TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  revoked BIGINT NOT NULL
) {clustered};

CREATE TABLE setting (
  name TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
) {clustered};
)sql"
