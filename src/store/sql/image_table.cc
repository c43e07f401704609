#include "store/sql/image_table.h"

namespace mayfly::sql {

namespace {

ImageRecord read_image(Row& row) {
  ImageRecord image;
  image.name = row.text();
  image.digest = row.text();
  image.bytes = row.integer();
  image.env = row.text_map();
  image.workdir = row.text();
  image.created_at = row.time();
  return image;
}

}  // namespace

Result<std::optional<ImageRecord>> SqlImageTable::find(const std::string& name_or_digest) {
  auto named = TRY(database_.first(R"(
      SELECT name, digest, bytes, env, workdir, created_at
      FROM image
      WHERE name = $1)",
                                   {name_or_digest}, read_image));
  if (named) return named;
  return database_.first(R"(
      SELECT name, digest, bytes, env, workdir, created_at
      FROM image
      WHERE digest = $1
      ORDER BY name
      LIMIT 1)",
                         {name_or_digest}, read_image);
}

Status SqlImageTable::put(const ImageRecord& image) {
  TRY(database_.exec(R"(
      INSERT INTO image (name, digest, bytes, env, workdir, created_at)
      VALUES ($1, $2, $3, $4, $5, $6)
      ON CONFLICT (name) DO UPDATE
      SET digest = excluded.digest, bytes = excluded.bytes, env = excluded.env, workdir = excluded.workdir,
          created_at = excluded.created_at)",
                     {image.name, image.digest, image.bytes, to_json(image.env), image.workdir, image.created_at}));
  return {};
}

Status SqlImageTable::remove(const std::string& name) {
  TRY(database_.exec("DELETE FROM image WHERE name = $1", {name}));
  return {};
}

Result<std::vector<ImageRecord>> SqlImageTable::list() {
  return database_.all(R"(
      SELECT name, digest, bytes, env, workdir, created_at
      FROM image
      ORDER BY name)",
                       {}, read_image);
}

}  // namespace mayfly::sql
