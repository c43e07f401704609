#pragma once

#include <boost/json.hpp>

#include "app/forest.h"
#include "app/plans.h"

namespace mayfly::api::aeontel {

boost::json::object render(const Entry& entry);
boost::json::object render(const Trashed& trashed);
boost::json::object render(const Hold& hold);
boost::json::object render(const Event& event);
boost::json::object render(const Plan& plan);

}  // namespace mayfly::api::aeontel
