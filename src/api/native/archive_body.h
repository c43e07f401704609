#pragma once
// The bytes of an archive as answers: whole, as a list of its entries, one file of it.

#include "api/services.h"
#include "http/message.h"

namespace mayfly::api::native {

std::shared_ptr<http::BodySource> body_of(std::unique_ptr<Source> source);

/// The tar as it is stored, and without its compression.
Result<http::Response> stored_tar(Services& services, const Archive& archive);
Result<http::Response> plain_tar(Services& services, const Archive& archive);

/// `path`: what lies there and below, a page of it, from the manifest. All of it without one.
Result<http::Response> list_archived(Services& services, const Caller& caller, const http::Request& request);

/// `path`: that file. The whole archive as it is stored without one.
Result<http::Response> archived_content(Services& services, const Caller& caller, const http::Request& request);

}  // namespace mayfly::api::native
