#include "store/sql/image_table.h"

#include <iterator>

#include "store/rules.h"
#include "store/sql/columns.h"
#include "store/sql/resource_rows.h"

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

constexpr std::string_view content_columns = "digest, bytes, unnamed_at";

std::vector<Parameter> values_of(const ImageContent& content) {
  return {content.resource.id, content.digest, content.bytes, content.unnamed_at};
}

ImageContent read_content(Row& row) {
  ImageContent content;
  content.resource = read_resource(row);
  content.digest = row.text();
  content.bytes = row.integer();
  content.unnamed_at = row.optional_time();
  return content;
}

const std::string select_content = "SELECT " + std::string(resource_columns) + ", " +
                                   qualified("c", content_columns) + R"(
      FROM resource r
      JOIN image_content c ON c.id = r.id)";

constexpr std::string_view build_columns =
    "workspace, actor, name, debian_release, packages, state, digest, bytes, error, error_code, said, created_at,"
    " ended_at";

std::vector<Parameter> values_of(const ImageBuild& build) {
  return {build.id, build.workspace, build.actor, build.name, build.recipe.release, to_json(build.recipe.packages),
          name(build.state), build.digest, build.bytes, build.error, build.error_code, to_json(build.said),
          build.created_at, build.ended_at};
}

ImageBuild read_build(Row& row) {
  ImageBuild build;
  build.id = row.id<ResourceId>();
  build.workspace = row.id<ResourceId>();
  build.actor = row.text();
  build.name = row.text();
  build.recipe.release = row.text();
  build.recipe.packages = row.text_list();
  build.state = row.word(parse_build_state);
  build.digest = row.text();
  build.bytes = row.integer();
  build.error = row.text();
  build.error_code = row.text();
  build.said = row.text_list();
  build.created_at = row.time();
  build.ended_at = row.optional_time();
  return build;
}

const std::string select_build = "SELECT id, " + std::string(build_columns) + " FROM image_build";

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

Result<ImageContent> SqlImageTable::content(const ResourceId& id) {
  static const auto text = select_content + " WHERE r.id = $1";
  auto found = TRY(database_.first(text, {id}, read_content));
  if (!found) return tl::unexpected(rules::missing("image", id.text));
  return std::move(*found);
}

Result<std::optional<ImageContent>> SqlImageTable::find_content(const std::string& digest) {
  static const auto text = select_content + R"(
      WHERE c.digest = $1
      AND r.state = 'active')";
  return database_.first(text, {digest}, read_content);
}

Status SqlImageTable::insert(const ImageContent& content) {
  static const auto text = insert_text("image_content", content_columns);
  TRY(insert_resource(database_, content.resource));
  if (TRY(database_.exec(text, values_of(content))) == 0)
    return tl::unexpected(rules::id_taken(content.resource.id.text));
  return {};
}

Status SqlImageTable::update(const ImageContent& content) {
  static const auto text = update_text("image_content", content_columns);
  TRY(update_resource(database_, content.resource));
  const auto changed = TRY(database_.exec(text, values_of(content)));
  CHECK(changed == 1);
  return {};
}

Result<std::vector<ImageContent>> SqlImageTable::contents() {
  static const auto text = select_content + R"(
      WHERE r.kind = 'image'
      AND r.gone = 0
      ORDER BY r.id)";
  return database_.all(text, {}, read_content);
}

Result<std::vector<ImageUse>> SqlImageTable::uses() {
  const auto of = [&](const std::string& kind, std::int64_t ImageUse::*count) {
    return database_.all(R"(
        SELECT u.image_digest, r.workspace, COUNT(*)
        FROM resource r
        CROSS JOIN )" + kind + R"( u
        WHERE r.kind = ')" + kind + R"('
        AND r.gone = 0
        AND u.id = r.id
        GROUP BY u.image_digest, r.workspace
        ORDER BY u.image_digest, r.workspace)",
                         {}, [&](Row& row) {
                           ImageUse use;
                           use.digest = row.text();
                           use.workspace = row.id<ResourceId>();
                           use.*count = row.integer();
                           return use;
                         });
  };
  auto uses = TRY(of("sandbox", &ImageUse::sandboxes));
  auto archives = TRY(of("archive", &ImageUse::archives));
  uses.insert(uses.end(), std::make_move_iterator(archives.begin()), std::make_move_iterator(archives.end()));
  return uses;
}

Result<std::vector<ResourceId>> SqlImageTable::users(const std::string& digest, std::size_t limit) {
  const auto of = [&](const std::string& kind) {
    return database_.all(R"(
        SELECT r.id
        FROM resource r
        CROSS JOIN )" + kind + R"( u
        WHERE r.kind = ')" + kind + R"('
        AND r.gone = 0
        AND u.id = r.id
        AND u.image_digest = $1
        ORDER BY r.id
        LIMIT $2)",
                         {digest, limit}, [](Row& row) { return row.id<ResourceId>(); });
  };
  auto users = TRY(of("sandbox"));
  for (auto& archive : TRY(of("archive")))
    if (users.size() < limit) users.push_back(std::move(archive));
  return users;
}

Result<ImageBuild> SqlImageTable::build(const ResourceId& id) {
  static const auto text = select_build + " WHERE id = $1";
  auto found = TRY(database_.first(text, {id}, read_build));
  if (!found) return tl::unexpected(rules::missing("image build", id.text));
  return std::move(*found);
}

Status SqlImageTable::insert(const ImageBuild& build) {
  static const auto text = insert_text("image_build", build_columns);
  if (TRY(database_.exec(text, values_of(build))) == 0) return tl::unexpected(rules::id_taken(build.id.text));
  return {};
}

Status SqlImageTable::update(const ImageBuild& build) {
  static const auto text = update_text("image_build", build_columns);
  const auto changed = TRY(database_.exec(text, values_of(build)));
  CHECK(changed == 1);
  return {};
}

Result<std::vector<ImageBuild>> SqlImageTable::unfinished_builds() {
  static const auto text = select_build + " WHERE ended_at IS NULL ORDER BY id";
  return database_.all(text, {}, read_build);
}

}  // namespace mayfly::sql
