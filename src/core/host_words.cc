#include "core/host_words.h"

#include <algorithm>
#include <optional>

namespace mayfly {

namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";
constexpr std::string_view digits = "0123456789";
constexpr std::size_t uid_length = 32;
constexpr std::size_t digest_length = 64;

/// Where a word of the alphabet ends that begins at `at`.
std::size_t end_of(std::string_view text, std::size_t at, std::string_view alphabet) {
  return std::min(text.find_first_not_of(alphabet, at), text.size());
}

/// The name of an incarnation that begins here, instance-uid-generation with "mayfly-" in front or not: its end, and
/// where its uid stands.
struct Incarnated {
  std::size_t uid, end;
};
std::optional<Incarnated> incarnation_at(std::string_view text, std::size_t at) {
  if (text.substr(at).starts_with("mayfly-")) at += 7;
  const auto instance_end = end_of(text, at, hex_digits);
  if (instance_end == at || instance_end >= text.size() || text[instance_end] != '-') return std::nullopt;
  const auto uid = instance_end + 1;
  const auto uid_end = end_of(text, uid, hex_digits);
  if (uid_end - uid != uid_length || uid_end >= text.size() || text[uid_end] != '-') return std::nullopt;
  const auto end = end_of(text, uid_end + 1, digits);
  if (end == uid_end + 1) return std::nullopt;
  return Incarnated{uid, end};
}

/// Whether a folder of the data folder's layout is followed by a name as the server makes them.
bool has_folder_of_ours(std::string_view path) {
  for (const auto& [folder, length] : {std::pair("/run/", uid_length), std::pair("/layers/", uid_length),
                                       std::pair("/trash/", uid_length), std::pair("/wsp_", uid_length),
                                       std::pair("/images/", digest_length)}) {
    const auto at = path.find(folder);
    if (at == path.npos) continue;
    const auto name = at + std::string_view(folder).size();
    if (end_of(path, name, hex_digits) - name == length) return true;
  }
  return false;
}

bool of_the_host(std::string_view path) {
  if (path.ends_with("/mayfly.db") || path.starts_with("/sys/fs/cgroup/")) return true;
  if (path.starts_with("/proc/self/fd/")) return true;
  if (has_folder_of_ours(path)) return true;
  for (std::size_t at = 0; at < path.size(); ++at)
    if (path[at] == '/' && incarnation_at(path, at + 1)) return true;
  return false;
}

}  // namespace

std::string without_host_words(std::string_view text) {
  std::string told;
  bool at_word = true;
  for (std::size_t at = 0; at < text.size();) {
    if (at_word && text[at] == '/') {
      const auto end = std::min(text.find_first_of(" \t\r\n'\"`:;,()", at), text.size());
      const auto path = text.substr(at, end - at);
      told += of_the_host(path) ? std::string_view("(a path of the host)") : path;
      at = end;
      at_word = false;
      continue;
    }
    if (const auto found = at_word ? incarnation_at(text, at) : std::nullopt) {
      told += "sbx_";
      told += text.substr(found->uid, uid_length);
      at = found->end;
      at_word = false;
      continue;
    }
    at_word = std::string_view(" \t\r\n'\"`:;,()=").find(text[at]) != std::string_view::npos;
    told += text[at++];
  }
  return told;
}

}  // namespace mayfly
