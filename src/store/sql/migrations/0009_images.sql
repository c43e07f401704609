R"sql(
-- One life of the files behind a digest, on the spine like everything that can be deleted; and the builds of images.
CREATE TABLE image_content (
  id TEXT NOT NULL PRIMARY KEY,
  digest TEXT NOT NULL,
  bytes BIGINT NOT NULL,
  unnamed_at BIGINT
) {clustered};
CREATE INDEX image_content_by_digest ON image_content (digest);

CREATE TABLE image_build (
  id TEXT NOT NULL PRIMARY KEY,
  workspace TEXT NOT NULL,
  actor TEXT NOT NULL,
  name TEXT NOT NULL,
  debian_release TEXT NOT NULL,
  packages TEXT NOT NULL,
  state TEXT NOT NULL,
  digest TEXT NOT NULL,
  bytes BIGINT NOT NULL,
  error TEXT NOT NULL,
  error_code TEXT NOT NULL,
  said TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  ended_at BIGINT
) {clustered};
CREATE INDEX image_build_unfinished ON image_build (id) WHERE ended_at IS NULL;
)sql"
