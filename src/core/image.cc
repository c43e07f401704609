#include "core/image.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace mayfly {

namespace {

constexpr std::array build_states = {"queued", "running", "succeeded", "failed"};
constexpr std::size_t most_packages = 200;
constexpr std::size_t longest_word = 80;

bool lower_or_digit(unsigned char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

/// [a-z0-9] and then those or one of `more`. Such a word is no option of any program, and no path.
bool is_word(std::string_view text, std::size_t least, std::string_view more) {
  return text.size() >= least && text.size() <= longest_word && lower_or_digit(static_cast<unsigned char>(text[0])) &&
         std::all_of(text.begin(), text.end(), [&](char c) {
           return lower_or_digit(static_cast<unsigned char>(c)) || more.find(c) != std::string_view::npos;
         });
}

tl::unexpected<Error> not_a(const std::string& field, const std::string& expected, std::string_view found) {
  const auto shown = "\"" + std::string(found.substr(0, 100)) + "\"";
  return tl::unexpected(Error{Code::invalid, field + " must be " + expected + "; got " + shown, "recipe_invalid",
                              {{field, expected, shown}}});
}

}  // namespace

Status check_recipe(const ImageRecipe& recipe) {
  if (!is_word(recipe.release, 2, "-"))
    return not_a("release", "the name of a Debian release, such as bookworm", recipe.release);
  if (recipe.packages.size() > most_packages)
    return not_a("packages", "at most 200 names", std::to_string(recipe.packages.size()) + " of them");
  for (const auto& package : recipe.packages)
    if (!is_word(package, 2, "+.-"))
      return not_a("packages", "names of Debian packages ([a-z0-9][a-z0-9+.-]+)", package);
  return {};
}

Status check_image_name(std::string_view name) {
  const bool shaped = !name.empty() && name.size() <= 128 && std::isalnum(static_cast<unsigned char>(name.front())) &&
                      std::all_of(name.begin(), name.end(), [](unsigned char c) {
                        return std::isalnum(c) || std::string_view("._/:-").find(char(c)) != std::string_view::npos;
                      });
  // What stands beside names in paths can be none.
  if (name == "gc" || name == "builds")
    return tl::unexpected(Error{Code::invalid, "no image can be called " + std::string(name), "name_invalid",
                                {{"name", "another one", "\"" + std::string(name) + "\""}}});
  if (shaped && !name.starts_with("sha256:")) return {};
  return tl::unexpected(
      Error{Code::invalid, "an image name has 1 to 128 letters, digits and ._/:- and begins with a letter or digit",
            "name_invalid",
            {{"name", "1 to 128 letters, digits and ._/:-, the first a letter or digit",
              "\"" + std::string(name.substr(0, 140)) + "\""}}});
}

std::string_view name(BuildState state) { return build_states[static_cast<std::size_t>(state)]; }

std::optional<BuildState> parse_build_state(std::string_view text) {
  for (std::size_t i = 0; i < build_states.size(); ++i)
    if (text == build_states[i]) return static_cast<BuildState>(i);
  return std::nullopt;
}

}  // namespace mayfly
