#pragma once
// The configuration of a runtime, "v2": what a client writes, every default filled in.

#include <boost/json.hpp>

#include "core/runtime.h"
#include "json/reader.h"

namespace mayfly::api::dreadnode {

/// The members of an object that are known here; whatever else a client sends is passed over, as the original does.
boost::json::object known_members(const boost::json::object& given, std::initializer_list<std::string_view> names);

/// The body of a request as an object of those members; invalid when it is no JSON, or no object.
Result<boost::json::object> body_of(const std::string& body, std::initializer_list<std::string_view> names);

/// Reads the member "config" of a body; complaints are the reader's. The defaults when it is absent.
RuntimeConfig read_config(json::Reader& body);

/// As it is shown: values of the environment only to its owner.
boost::json::value show_config(const Runtime& runtime, bool to_owner);

/// The ports that are said to be open, the capabilities that are bound.
boost::json::array capabilities_of(const Runtime& runtime);

}  // namespace mayfly::api::dreadnode
