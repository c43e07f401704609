#include "driver/crun/layout.h"

#include <algorithm>
#include <charconv>

namespace mayfly::crun {

namespace {

constexpr std::string_view name_prefix = "mayfly-";

/// "<32 hex><separator><number>" in two parts.
template <class T>
std::optional<T> uid_and_number(std::string_view text, int T::*number) {
  if (text.size() < 34 || text[32] != '-') return std::nullopt;
  const auto uid = parse_uuid(text.substr(0, 32));
  const auto n = parse_number(text.substr(33));
  if (!uid || !n) return std::nullopt;
  T result;
  result.uid = *uid;
  result.*number = *n;
  return result;
}

}  // namespace

std::string Layout::image(std::string_view digest) const {
  return images() + "/" + digest_hex(digest).value_or("none");
}

std::string Layout::layer(const LayerRef& layer) const {
  return layers_of(layer.uid) + "/" + std::to_string(layer.layer);
}

std::string Layout::run(const Incarnation& incarnation) const { return runs() + "/" + run_name(incarnation); }

std::string Layout::state(const Incarnation& incarnation) const {
  return states() + "/" + container_name(incarnation);
}

std::string Layout::helpers_of(const Incarnation& incarnation) const {
  return helpers() + "/" + run_name(incarnation);
}

std::string container_name(const Incarnation& incarnation) {
  return std::string(name_prefix) + to_string(incarnation);
}

std::optional<Incarnation> parse_container_name(std::string_view name) {
  if (!name.starts_with(name_prefix)) return std::nullopt;
  return parse_incarnation(name.substr(name_prefix.size()));
}

std::string mount_tag(const Incarnation& incarnation) {
  return incarnation.instance + "/" + hex(incarnation.uid) + "/" + std::to_string(incarnation.generation);
}

std::optional<Incarnation> parse_mount_tag(std::string_view tag) {
  const auto first = tag.find('/');
  const auto last = tag.rfind('/');
  if (first == 0 || first == std::string_view::npos || last - first != 33) return std::nullopt;
  const auto uid = parse_uuid(tag.substr(first + 1, 32));
  const auto generation = parse_number(tag.substr(last + 1));
  if (!uid || !generation) return std::nullopt;
  return Incarnation{std::string(tag.substr(0, first)), *uid, *generation};
}

std::string run_name(const Incarnation& incarnation) {
  return hex(incarnation.uid) + "-" + std::to_string(incarnation.generation);
}

std::string trash_name(const LayerRef& layer) { return hex(layer.uid) + "-" + std::to_string(layer.layer); }

std::optional<Incarnation> parse_run_name(std::string_view name) {
  return uid_and_number<Incarnation>(name, &Incarnation::generation);
}

std::optional<LayerRef> parse_trash_name(std::string_view name) {
  return uid_and_number<LayerRef>(name.substr(0, name.find('.')), &LayerRef::layer);
}

std::optional<int> parse_number(std::string_view digits) {
  int n = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), n);
  if (error != std::errc() || end != digits.data() + digits.size() || digits.empty() || n < 0) return std::nullopt;
  return n;
}

std::optional<std::string> digest_hex(std::string_view digest) {
  constexpr std::string_view kind = "sha256:";
  if (!digest.starts_with(kind) || digest.size() != kind.size() + 64) return std::nullopt;
  const auto digits = digest.substr(kind.size());
  const bool hex = std::all_of(digits.begin(), digits.end(),
                               [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
  return hex ? std::optional(std::string(digits)) : std::nullopt;
}

bool is_image_folder(std::string_view name) {
  return name.starts_with(image_in_work) || name.starts_with(image_going) ||
         digest_hex("sha256:" + std::string(name)).has_value();
}

}  // namespace mayfly::crun
