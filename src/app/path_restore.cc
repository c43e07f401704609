#include "app/path_restore.h"

#include <algorithm>
#include <set>
#include <vector>

namespace mayfly {

namespace {

using Type = ArchivedEntry::Type;

std::string folder_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

/// One restore under way.
class Restoring {
 public:
  Restoring(Agent& agent, Incarnation to, Archives& archives, Archive archive, std::string from, std::string place)
      : agent_(agent), to_(std::move(to)), archives_(archives), archive_(std::move(archive)), from_(std::move(from)),
        place_(std::move(place)) {
    done_.to = place_.empty() ? "/" : place_;
  }

  Status take(const ArchivedEntry& entry, Source* content) {
    const auto path = place_of(entry.path);
    if (path.empty()) return {};   // the root of the sandbox is there
    TRY(not_through_a_link(path));
    switch (entry.type) {
      case Type::folder: return folder(path, entry);
      case Type::link: return link(path, entry);
      case Type::file: return file(path, entry, *content);
      case Type::same_file: return same_file(path, entry);
    }
    return {};
  }

  /// Modes of folders come last, the inner ones first: one that forbids writing must not hinder what goes into it.
  Result<PathRestored> finish() {
    for (auto at = folders_.rbegin(); at != folders_.rend(); ++at) TRY(agent_.set_mode(to_, at->first, at->second));
    return done_;
  }

 private:
  std::string place_of(const std::string& archived) const {
    if (archived == from_) return place_;
    return place_ + "/" + (from_ == "." ? archived : archived.substr(from_.size() + 1));
  }

  /// A link that came out of this archive leads nothing of it elsewhere.
  Status not_through_a_link(const std::string& path) const {
    for (auto folder = folder_of(path); !folder.empty(); folder = folder_of(folder))
      if (links_.contains(folder))
        return fail(Code::invalid, "the archive puts " + path + " behind its own link " + folder, "archive_hostile");
    return {};
  }

  Status folder(const std::string& path, const ArchivedEntry& entry) {
    TRY(agent_.mkdir(to_, path, true));
    folders_.emplace_back(path, entry.mode);
    ++done_.folders;
    return {};
  }

  Status link(const std::string& path, const ArchivedEntry& entry) {
    TRY(agent_.link(to_, path, entry.target));
    links_.insert(path);
    ++done_.links;
    return {};
  }

  Status file(const std::string& path, const ArchivedEntry& entry, Source& content) {
    // A write goes through a link that is there; what is restored takes its place.
    if (const auto there = agent_.stat(to_, path); there && there->type == FileInfo::Type::link)
      TRY(agent_.remove(to_, path, false));
    TRY(agent_.write(to_, path, entry.mode, content));
    modes_[entry.path] = entry.mode;
    ++done_.files;
    done_.bytes += entry.size;
    return {};
  }

  /// One more name of a file becomes a file of its own: its first name may lie outside of what is restored.
  Status same_file(const std::string& path, const ArchivedEntry& entry) {
    auto found = TRY(archives_.file(archive_, entry.target));
    auto whole = entry;
    whole.size = found.size;
    const auto known = modes_.find(entry.target);
    if (known != modes_.end()) whole.mode = known->second;
    return file(path, whole, *found.content);
  }

  Agent& agent_;
  const Incarnation to_;
  Archives& archives_;
  const Archive archive_;
  const std::string from_, place_;   // place_ is empty for the root
  std::vector<std::pair<std::string, std::uint32_t>> folders_;
  std::map<std::string, std::uint32_t> modes_;
  std::set<std::string> links_;
  PathRestored done_;
};

}  // namespace

Result<std::string> path_in_archive(const std::string& absolute) {
  const auto refused = [&](const char* why) {
    return fail(Code::invalid, "path " + absolute.substr(0, 200) + " " + why, "path_invalid");
  };
  if (absolute.empty() || absolute[0] != '/') return refused("must be absolute");
  std::string path;
  for (std::size_t begin = 1; begin < absolute.size();) {
    const auto end = std::min(absolute.find('/', begin), absolute.size());
    const auto part = absolute.substr(begin, end - begin);
    begin = end + 1;
    if (part.empty() || part == ".") continue;
    if (part == ".." || part.find('\0') != std::string::npos) return refused("must have neither \"..\" nor NUL in it");
    path += (path.empty() ? "" : "/") + part;
  }
  return path.empty() ? "." : path;
}

Result<PathRestored> PathRestore::restore(const Caller& caller, const PathWish& wish) {
  TRY(require(caller, Role::member));
  const auto from = TRY(path_in_archive(wish.path));
  const auto place = TRY(path_in_archive(wish.to.empty() ? wish.path : wish.to));
  const auto archive = TRY(archives_.get(caller, wish.archive));
  const auto to = TRY(execution_.use(caller, wish.sandbox, Activity::file));
  Restoring restoring(execution_.agent(), to, archives_, archive, from, place == "." ? "" : "/" + place);
  TRY(archives_.visit(archive, from,
                      [&](const ArchivedEntry& entry, Source* content) { return restoring.take(entry, content); }));
  return restoring.finish();
}

}  // namespace mayfly
