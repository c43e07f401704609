#include "app/archives.h"

namespace mayfly {

Result<Archive> Archives::visible(Transaction& t, const Caller& caller, const std::string& id) const {
  auto archive = t.archives().get({id});
  if (!archive && archive.error().code != Code::not_found) return archive;
  if (!archive || archive->resource.workspace != caller.workspace || archive->resource.state == State::gone)
    return fail(Code::not_found, "no archive \"" + id.substr(0, 80) + "\" in this workspace", "archive_not_found");
  return archive;
}

Result<Archive> Archives::get(const Caller& caller, const std::string& id) {
  return store_.read([&](Transaction& t) { return visible(t, caller, id); });
}

Result<std::vector<Archive>> Archives::list(const Caller& caller, ArchiveFilter filter, const Page& page) {
  filter.workspace = caller.workspace;
  return store_.read([&](Transaction& t) { return t.archives().list(filter, page); });
}

Result<std::unique_ptr<Source>> Archives::content(const Archive& archive) { return blobs_.open(archive.key); }
Result<std::unique_ptr<Source>> Archives::manifest(const Archive& archive) {
  return blobs_.open(manifest_key(archive));
}

Result<TaskId> Archives::remove(const Caller& caller, const std::string& id) {
  TRY(require(caller, Role::member));
  return store_.write([&](Transaction& t) -> Result<TaskId> {
    Archive archive = TRY(visible(t, caller, id));
    if (archive.resource.state == State::writing)
      return fail(Code::conflict, "archive " + id + " is still being written", "state_writing");
    return deletion_.begin(t, caller, std::move(archive), {.policy = {.archive = false}, .reason = "request"});
  });
}

}  // namespace mayfly
