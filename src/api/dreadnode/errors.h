#pragma once
// The one error body of this dialect: {code, detail, type, errors?: [{loc, msg, type}]}, and beside it `reason`, a
// stable word that is finer than the type.

#include <boost/json.hpp>

#include "base/result.h"
#include "http/message.h"

namespace mayfly::api::dreadnode {

boost::json::object envelope(const Error& error);
http::Response refused(const Error& error);
/// For what the server itself refuses, where no handler was reached.
http::Response refused(int status, std::string_view detail);

}  // namespace mayfly::api::dreadnode
