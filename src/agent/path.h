#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mayfly::agent {

/// The path with single slashes, no "." and no slash at its end. Refused: relative, empty, too long, NUL, "..".
Result<std::string> clean_path(std::string_view path);

/// Refuses what nobody may write, move or remove: the root itself and what belongs to the agent, however it is named.
Status may_change(const std::string& clean);

std::string folder_of(const std::string& clean);
std::string leaf_of(const std::string& clean);

/// Where a write to `clean` goes: links in its last segment are followed, also to what is not there yet.
Result<std::string> follow_leaf(const std::string& clean);

/// Makes the folder and its missing parents; existing is success. Those it made are added to `made`, outer ones first.
Status make_folders(const std::string& clean, std::vector<std::string>* made);

/// One link's text; empty when it is none (any more).
std::string link_target(int folder, const std::string& name);

}  // namespace mayfly::agent
