#pragma once

#include <string>
#include <string_view>

namespace mayfly {

/// A message as a caller may read it. Paths below the data folder or of cgroups become "(a path of the host)", and the
/// name of an incarnation becomes the id of its sandbox; paths inside a sandbox stay as they are.
std::string without_host_words(std::string_view text);

}  // namespace mayfly
