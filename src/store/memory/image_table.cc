#include <algorithm>

#include "store/memory/record_tables.h"
#include "store/rules.h"

namespace mayfly::memory {

Result<std::optional<ImageRecord>> MemoryImageTable::find(const std::string& name_or_digest) {
  if (const auto* named = look_up(draft_.rows().images, name_or_digest)) return std::optional(*named);
  for (const auto& [name, row] : draft_.rows().images)
    if (row.digest == name_or_digest) return std::optional(row);
  return std::optional<ImageRecord>();
}

Status MemoryImageTable::put(const ImageRecord& image) { return draft_.put(&Rows::images, image.name, image); }

Status MemoryImageTable::remove(const std::string& name) { return draft_.erase(&Rows::images, name); }

Result<std::vector<ImageRecord>> MemoryImageTable::list() {
  std::vector<ImageRecord> all;
  for (const auto& [name, row] : draft_.rows().images) all.push_back(row);
  return all;
}

Result<ImageContent> MemoryImageTable::content(const ResourceId& id) {
  const auto* row = look_up(draft_.rows().image_contents, id);
  if (!row) return tl::unexpected(rules::missing("image", id.text));
  return *row;
}

Result<std::optional<ImageContent>> MemoryImageTable::find_content(const std::string& digest) {
  for (const auto& [id, row] : draft_.rows().image_contents)
    if (row.digest == digest && row.resource.state == State::active) return std::optional(row);
  return std::optional<ImageContent>();
}

Status MemoryImageTable::insert(const ImageContent& content) {
  const auto& id = content.resource.id;
  if (draft_.rows().image_contents.contains(id)) return tl::unexpected(rules::id_taken(id.text));
  return draft_.put(&Rows::image_contents, id, content);
}

Status MemoryImageTable::update(const ImageContent& content) {
  CHECK(draft_.rows().image_contents.contains(content.resource.id));
  return draft_.put(&Rows::image_contents, content.resource.id, content);
}

Result<std::vector<ImageContent>> MemoryImageTable::contents() {
  std::vector<ImageContent> living;
  for (const auto& [id, row] : draft_.rows().image_contents)
    if (row.resource.state != State::gone) living.push_back(row);
  return living;
}

Result<std::vector<ImageUse>> MemoryImageTable::uses() {
  std::vector<ImageUse> uses;
  const auto count = [&](const auto& table, std::int64_t ImageUse::*member) {
    std::map<std::pair<std::string, ResourceId>, std::int64_t> counts;
    for (const auto& [id, row] : table)
      if (row.resource.state != State::gone) ++counts[{row.spec.image_digest, row.resource.workspace}];
    for (const auto& [of, number] : counts) {
      ImageUse use{of.first, of.second};
      use.*member = number;
      uses.push_back(std::move(use));
    }
  };
  count(draft_.rows().sandboxes, &ImageUse::sandboxes);
  count(draft_.rows().archives, &ImageUse::archives);
  return uses;
}

Result<std::vector<ResourceId>> MemoryImageTable::users(const std::string& digest, std::size_t limit) {
  std::vector<ResourceId> users;
  const auto add = [&](const auto& table) {
    for (const auto& [id, row] : table)
      if (users.size() < limit && row.resource.state != State::gone && row.spec.image_digest == digest)
        users.push_back(id);
  };
  add(draft_.rows().sandboxes);
  add(draft_.rows().archives);
  return users;
}

Result<ImageBuild> MemoryImageTable::build(const ResourceId& id) {
  const auto* row = look_up(draft_.rows().image_builds, id);
  if (!row) return tl::unexpected(rules::missing("image build", id.text));
  return *row;
}

Status MemoryImageTable::insert(const ImageBuild& build) {
  if (draft_.rows().image_builds.contains(build.id)) return tl::unexpected(rules::id_taken(build.id.text));
  return draft_.put(&Rows::image_builds, build.id, build);
}

Status MemoryImageTable::update(const ImageBuild& build) {
  CHECK(draft_.rows().image_builds.contains(build.id));
  return draft_.put(&Rows::image_builds, build.id, build);
}

Result<std::vector<ImageBuild>> MemoryImageTable::unfinished_builds() {
  std::vector<ImageBuild> unfinished;
  for (const auto& [id, row] : draft_.rows().image_builds)
    if (!row.ended_at) unfinished.push_back(row);
  return unfinished;
}

}  // namespace mayfly::memory
