#pragma once
// Domain values as native JSON.

#include <boost/json.hpp>

#include "core/archive.h"
#include "core/cleanup.h"
#include "core/event.h"
#include "core/identity.h"
#include "core/image.h"
#include "core/sandbox.h"
#include "core/volume.h"

namespace mayfly::api::native {

boost::json::object render(const Sandbox& sandbox);
boost::json::object render(const Volume& volume);
boost::json::object render(const Task& task);
boost::json::object render(const Archive& archive);
boost::json::object render(const Event& event);
boost::json::object render(const ImageRecord& image);

boost::json::value time_or_null(const std::optional<Time>& time);
boost::json::value seconds_or_null(const std::optional<Duration>& duration);
boost::json::value text_or_null(const std::string& text);
boost::json::object render_map(const std::map<std::string, std::string>& map);

}  // namespace mayfly::api::native
