R"sql(
-- A key may be narrower than its user. A role that is NULL is the user's; empty lists narrow nothing.
ALTER TABLE api_key ADD COLUMN name TEXT NOT NULL DEFAULT '';
ALTER TABLE api_key ADD COLUMN role TEXT;
ALTER TABLE api_key ADD COLUMN workspaces TEXT NOT NULL DEFAULT '[]';
ALTER TABLE api_key ADD COLUMN scopes TEXT NOT NULL DEFAULT '[]';
ALTER TABLE api_key ADD COLUMN expires_at BIGINT;
ALTER TABLE api_key ADD COLUMN last_used_at BIGINT;
ALTER TABLE api_key ADD COLUMN revoked_by TEXT NOT NULL DEFAULT '';
CREATE INDEX api_key_by_user ON api_key (app_user, id);

CREATE TABLE membership (
  workspace TEXT NOT NULL,
  app_user TEXT NOT NULL,
  role TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (workspace, app_user)
) {clustered};
CREATE INDEX membership_by_user ON membership (app_user, workspace);
)sql"
