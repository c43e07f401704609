R"sql(
-- Apps and elements are rows of the spine and no more; an element has its document.
CREATE TABLE record (
  id TEXT NOT NULL PRIMARY KEY,
  content TEXT NOT NULL
) {clustered};
-- What lies in an app, for lists and for its delete; all else lies in its workspace, which has an index already.
CREATE INDEX resource_elements ON resource (parent, id) WHERE kind = 'element' AND gone = 0;

-- What is in the trash: the row goes when it comes back or is purged. Its hour stands in lifetime, as every deadline.
CREATE TABLE trash (
  id TEXT NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  scope TEXT NOT NULL,
  tier TEXT NOT NULL,
  deleted_at BIGINT NOT NULL,
  deleted_by TEXT NOT NULL,
  purge_at BIGINT,
  event TEXT NOT NULL,
  restoring BIGINT NOT NULL
) {clustered};
CREATE INDEX trash_list ON trash (scope, deleted_at, id) WHERE restoring = 0;
CREATE INDEX trash_list_by_name ON trash (scope, name, id) WHERE restoring = 0;
CREATE INDEX trash_list_by_kind ON trash (scope, kind, id) WHERE restoring = 0;
CREATE INDEX trash_list_by_id ON trash (scope, id) WHERE restoring = 0;
CREATE INDEX trash_of_kind ON trash (kind, id);

CREATE TABLE hold (
  id TEXT NOT NULL PRIMARY KEY,
  resource TEXT NOT NULL,
  parent TEXT NOT NULL,
  workspace TEXT NOT NULL,
  owner TEXT NOT NULL,
  reason TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT,
  ended_at BIGINT,
  ended_by TEXT NOT NULL
) {clustered};
CREATE INDEX hold_list ON hold (workspace, id);
CREATE INDEX hold_standing_by_resource ON hold (resource, id) WHERE ended_at IS NULL;
CREATE INDEX hold_standing_by_parent ON hold (parent, id) WHERE ended_at IS NULL;
CREATE INDEX hold_standing_by_workspace ON hold (workspace, id) WHERE ended_at IS NULL;

-- Events tell what caused them, and who asked as an id.
ALTER TABLE event ADD COLUMN parent TEXT NOT NULL DEFAULT '';
ALTER TABLE event ADD COLUMN app_user TEXT NOT NULL DEFAULT '';
CREATE INDEX event_by_parent ON event (parent, id) WHERE parent <> '';
)sql"
