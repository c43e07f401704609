#include "app/image_catalog.h"

#include <algorithm>
#include <map>
#include <set>

#include "app/audit.h"
#include "app/ids.h"
#include "base/failpoint.h"

namespace mayfly {

namespace {

constexpr std::string_view builtin_name = "busybox";
// So many users are named when an image is not removed because of them.
constexpr std::size_t users_named = 3;

struct Counts {
  std::int64_t sandboxes = 0, archives = 0;
};

/// By digest; of one workspace, or of all.
Result<std::map<std::string, Counts>> counts_for(Transaction& t, const std::optional<ResourceId>& workspace) {
  std::map<std::string, Counts> counts;
  for (const auto& use : TRY(t.images().uses())) {
    if (workspace && use.workspace != *workspace) continue;
    counts[use.digest].sandboxes += use.sandboxes;
    counts[use.digest].archives += use.archives;
  }
  return counts;
}

Result<bool> needed(Transaction& t, const std::string& digest) {
  return TRY(t.sandboxes().uses_image(digest)) || TRY(t.archives().needs_image(digest));
}

Result<std::vector<std::string>> names_of(Transaction& t, const std::string& digest) {
  std::vector<std::string> names;
  for (const auto& row : TRY(t.images().list()))
    if (row.digest == digest) names.push_back(row.name);
  return names;
}

std::string several(std::int64_t number, std::string_view what) {
  return std::to_string(number) + " " + std::string(what) + (number == 1 ? "" : what.ends_with('x') ? "es" : "s");
}

tl::unexpected<Error> no_such_image(const std::string& name) {
  return fail(Code::not_found, "no image \"" + name.substr(0, 120) + "\" here", "image_not_found");
}

}  // namespace

Status ImageCatalog::ensure_builtin() {
  std::lock_guard guard(files_);
  const auto image = images_.builtin_busybox();
  if (!image) {
    // The one from an earlier start will do: a full disk must not keep the server, and so its deletes, from starting.
    const auto known = TRY(store_.read([](Transaction& t) { return t.images().find(std::string(builtin_name)); }));
    if (known && image.error().code == Code::no_space) return {};
    return tl::unexpected(image.error());
  }
  const std::string name(builtin_name);
  return store_.write([&](Transaction& t) -> Status {
    TRY(adopt(t, Caller::system("images", installation_.workspace), *image));
    const auto known = TRY(t.images().find(name));
    if (known && known->digest == image->digest) return {};
    TRY(t.images().put({name, image->digest, image->bytes, image->env, image->workdir, t.now()}));
    TRY(settle_names(t, image->digest));
    return known ? settle_names(t, known->digest) : Status();
  });
}

Result<std::vector<ImageListed>> ImageCatalog::list(const Caller& caller) {
  TRY(require(caller, Role::reader));
  const bool all = caller.role == Role::admin;
  return store_.read([&](Transaction& t) -> Result<std::vector<ImageListed>> {
    const auto counts = TRY(counts_for(t, all ? std::nullopt : std::optional(caller.workspace)));
    const auto rows = TRY(t.images().list());
    std::vector<ImageListed> listed;
    const auto add = [&](const ImageRecord& record) -> ImageListed& {
      ImageListed one{record, {}, 0, 0, {}};
      for (const auto& row : rows)
        if (row.digest == record.digest) one.names.push_back(row.name);
      if (const auto count = counts.find(record.digest); count != counts.end()) {
        one.sandboxes = count->second.sandboxes;
        one.archives = count->second.archives;
      }
      return listed.emplace_back(std::move(one));
    };
    for (const auto& row : rows) add(row);
    for (const auto& content : TRY(t.images().contents())) {
      if (content.resource.state != State::active || !content.unnamed_at) continue;
      // What somebody else's sandboxes keep is nobody's business.
      auto& one = add({{}, content.digest, content.bytes, {}, "/", content.resource.created_at});
      one.unnamed_at = content.unnamed_at;
      if (!all && one.sandboxes == 0 && one.archives == 0) listed.pop_back();
    }
    return listed;
  });
}

Result<ImageRecord> ImageCatalog::import(const Caller& caller, const std::string& path, const std::string& name) {
  TRY(require(caller, Role::admin));
  TRY(check_image_name(name));
  return admit(caller, *TRY(images_.unpack(path)), name);
}

Result<ImageRecord> ImageCatalog::import(const Caller& caller, Source& tar, const std::string& name) {
  TRY(require(caller, Role::admin));
  TRY(check_image_name(name));
  return admit(caller, *TRY(images_.unpack(tar)), name);
}

Result<ImageRecord> ImageCatalog::admit(const Caller& caller, ImageDraft& draft, const std::string& name) {
  std::lock_guard guard(files_);
  const auto image = TRY(draft.keep());
  FAILPOINT("admit_image.before_record");
  auto admitted = store_.write([&](Transaction& t) -> Result<ImageRecord> {
    TRY(adopt(t, caller, image));
    const auto known = TRY(t.images().find(name));
    if (known && known->name == name && known->digest == image.digest) return *known;
    const ImageRecord row{name, image.digest, image.bytes, image.env, image.workdir, t.now()};
    TRY(t.images().put(row));
    TRY(settle_names(t, image.digest));
    if (known && known->digest != image.digest) TRY(settle_names(t, known->digest));
    return row;
  });
  FAILPOINT("admit_image.after_record");
  return admitted;
}

/// A row for the files of that digest, unless an active one is there: whoever deletes it finds it by that.
Status ImageCatalog::adopt(Transaction& t, const Caller& caller, const Image& image) const {
  if (TRY(t.images().find_content(image.digest))) return {};
  ImageContent content;
  content.resource.id = {new_id(describe(Kind::image).prefix, t, random_)};
  content.resource.kind = Kind::image;
  content.resource.parent = content.resource.workspace = caller.workspace;
  content.resource.name = image.digest;
  content.resource.name_held = false;
  content.resource.generation = 1;
  content.resource.created_at = content.resource.updated_at = t.now();
  content.digest = image.digest;
  content.bytes = image.bytes;
  content.unnamed_at = t.now();
  TRY(t.images().insert(content));
  TRY(audit(t, random_, caller, "image.kept", content.resource, {{"digest", content.digest}}));
  return settle_names(t, image.digest);
}

/// Since when it has no name, after names have come or gone.
Status ImageCatalog::settle_names(Transaction& t, const std::string& digest) const {
  auto content = TRY(t.images().find_content(digest));
  if (!content) return {};
  const bool named = !TRY(names_of(t, digest)).empty();
  if (named == !content->unnamed_at) return {};
  content->unnamed_at = named ? std::nullopt : std::optional(t.now());
  return t.images().update(*content);
}

Status ImageCatalog::alias(const std::string& name, const std::string& target) {
  TRY(check_image_name(name));
  return store_.write([&](Transaction& t) -> Status {
    auto row = TRY(t.images().find(target));
    if (!row)
      return fail(Code::not_found, "[images] " + name + " = \"" + target + "\": no image \"" + target + "\" here",
                  "image_not_found");
    const auto known = TRY(t.images().find(name));
    if (known && known->digest == row->digest) return {};
    row->name = name;
    row->created_at = t.now();
    TRY(t.images().put(*row));
    return known ? settle_names(t, known->digest) : Status();
  });
}

/// conflict, saying how many need it and which are the first. Only admins ask, who may see all.
Status ImageCatalog::unused(Transaction& t, const std::string& name, const std::string& digest) const {
  const auto all = TRY(counts_for(t, std::nullopt));
  const auto count = all.find(digest);
  if (count == all.end()) return {};
  std::string users;
  for (const auto& id : TRY(t.images().users(digest, users_named))) users += (users.empty() ? "" : ", ") + id.text;
  const auto& [sandboxes, archives] = count->second;
  std::string who = sandboxes > 0 ? several(sandboxes, "sandbox") : "";
  if (archives > 0) who += (who.empty() ? "" : " and ") + several(archives, "archive");
  return fail(Code::conflict,
              "image " + name + " is needed by " + who + " (" + users +
                  (sandboxes + archives > std::int64_t{users_named} ? ", ..." : "") +
                  "): delete those first, or give it another name to keep",
              "image_in_use");
}

Result<ImageRemoval> ImageCatalog::remove(const Caller& caller, const std::string& name) {
  TRY(require(caller, Role::admin));
  if (name == builtin_name)
    return fail(Code::conflict,
                "image " + name + " is the built-in one: it would be back at the next start, and a sandbox that names "
                "no image is made of it",
                "image_builtin");
  auto removed = store_.write([&](Transaction& t) -> Result<ImageRemoval> {
    const auto row = TRY(t.images().find(name));
    if (row && row->name != name) return no_such_image(name);   // by the digest of one that has a name
    auto content = TRY(t.images().find_content(row ? row->digest : name));
    if (!row && !content) return no_such_image(name);
    if (row && TRY(names_of(t, row->digest)).size() > 1) {
      TRY(t.images().remove(name));
      return ImageRemoval{name, {}};
    }
    if (!content) return no_such_image(name);
    TRY(unused(t, name, content->digest));
    if (row) TRY(t.images().remove(name));
    const DeleteRequest request{.policy = {.archive = false}, .reason = "request"};
    return ImageRemoval{name, TRY(deletion_.begin(t, caller, *content, request))};
  });
  FAILPOINT("delete_image.after_commit");
  return removed;
}

Result<std::vector<ImageCollected>> ImageCatalog::collect(const Caller& caller, Duration grace, bool dry_run) {
  TRY(require(caller, Role::admin));
  const auto due = [grace](Transaction& t) -> Result<std::vector<ImageContent>> {
    std::vector<ImageContent> found;
    for (auto& content : TRY(t.images().contents())) {
      const bool old = content.resource.state == State::active && content.unnamed_at &&
                       *content.unnamed_at + grace <= t.now();
      if (old && !TRY(needed(t, content.digest))) found.push_back(std::move(content));
    }
    return found;
  };
  const auto seen = TRY(store_.read(due));
  if (dry_run || seen.empty()) {
    std::vector<ImageCollected> would;
    for (const auto& content : seen) would.push_back({content, {}});
    return would;
  }
  return store_.write([&](Transaction& t) -> Result<std::vector<ImageCollected>> {
    std::vector<ImageCollected> collected;
    for (const auto& content : TRY(due(t))) {
      const DeleteRequest request{.policy = {.archive = false}, .reason = "unused"};
      collected.push_back({content, TRY(deletion_.begin(t, caller, content, request))});
    }
    return collected;
  });
}

Status ImageCatalog::settle() {
  std::lock_guard guard(files_);
  TRY(images_.clear_unfinished());
  for (const auto& image : TRY(images_.list())) {
    const bool unwanted = TRY(store_.write([&](Transaction& t) -> Result<bool> {
      // A content whose delete was accepted goes with its tree.
      for (const auto& content : TRY(t.images().contents()))
        if (content.digest == image.digest) return false;
      if (TRY(names_of(t, image.digest)).empty() && !TRY(needed(t, image.digest))) return true;
      TRY(adopt(t, Caller::system("images", installation_.workspace), image));
      return false;
    }));
    if (unwanted) TRY(images_.remove(image.digest));
  }
  return {};
}

/// The same files were brought in again after the delete of this content was accepted: they are the new one's.
Result<bool> ImageCatalog::lives_again(Transaction& t, const ResourceId& id) const {
  const auto content = TRY(t.images().content(id));
  const auto active = TRY(t.images().find_content(content.digest));
  return active && active->resource.id != id;
}

Status ImageCatalog::destroy(const ResourceId& id) {
  std::lock_guard guard(files_);
  const auto content = TRY(store_.read([&](Transaction& t) { return t.images().content(id); }));
  if (TRY(store_.read([&](Transaction& t) { return lives_again(t, id); }))) return {};
  if (TRY(store_.read([&](Transaction& t) { return needed(t, content.digest); })))
    return fail(Code::busy, "image " + content.digest + " is needed by a sandbox or an archive", "image_in_use");
  FAILPOINT("destroy_image.before_effect");
  TRY(images_.remove(content.digest));
  FAILPOINT("destroy_image.after_effect");
  return {};
}

Status ImageCatalog::confirm(const ResourceId& id) {
  std::lock_guard guard(files_);
  const auto content = TRY(store_.read([&](Transaction& t) { return t.images().content(id); }));
  if (TRY(store_.read([&](Transaction& t) { return lives_again(t, id); }))) return {};
  if (!TRY(images_.has(content.digest))) return {};
  // They came back after they were removed: brought in again, by a call whose record was never written.
  if (TRY(store_.read([&](Transaction& t) { return needed(t, content.digest); })))
    return fail(Code::busy, "image " + content.digest + " is needed by a sandbox or an archive", "image_in_use");
  TRY(images_.remove(content.digest));
  if (!TRY(images_.has(content.digest))) return {};
  return fail(Code::busy, "the files of image " + content.digest + " are still there after their removal",
              "still_present");
}

Status ImageCatalog::forget(Transaction& t, const ResourceId& id) const {
  auto content = TRY(t.images().content(id));
  content.resource.state = State::gone;
  content.resource.updated_at = t.now();
  TRY(t.images().update(content));
  TRY(audit(t, random_, Caller::system("cleanup", content.resource.workspace), "image.gone", content.resource));
  return {};
}

}  // namespace mayfly
