#include "api/authenticate.h"

#include <cctype>

namespace mayfly::api {

namespace {

std::optional<std::string> bearer(const std::string* header) {
  if (!header || header->size() < 8) return std::nullopt;
  for (std::size_t i = 0; i < 7; ++i)
    if (std::tolower(static_cast<unsigned char>((*header)[i])) != "bearer "[i]) return std::nullopt;
  const auto start = header->find_first_not_of(' ', 7);
  return start == std::string::npos ? std::nullopt : std::optional(header->substr(start));
}

Result<std::string> wanted_workspace(const http::Request& request) {
  const auto* header = request.header("X-Mayfly-Workspace");
  const auto* query = request.query_value("workspace");
  if (!header && !query) return std::string();
  if (header && query && *header != *query)
    return fail(Code::invalid, "X-Mayfly-Workspace and ?workspace= name two workspaces", "workspaces_differ");
  const auto& wanted = header ? *header : *query;
  // A variable that somebody forgot to set must not mean home.
  if (wanted.empty()) return fail(Code::invalid, "the workspace that is asked for has no name", "workspace_empty");
  return wanted;
}

}  // namespace

Result<Caller> authenticate(Access& access, const http::Request& request, const std::string& otherwise) {
  std::optional<std::string> secret;
  const auto* plain = request.header("X-API-Key");
  for (const auto& given : {bearer(request.header("Authorization")), bearer(request.header("X-Blaxel-Authorization")),
                            plain ? std::optional(*plain) : std::nullopt}) {
    if (!given) continue;
    if (secret && *secret != *given)
      return fail(Code::unauthenticated, "the request carries several credentials that differ", "credentials_differ");
    secret = given;
  }
  if (!secret)
    return fail(Code::unauthenticated, "send an API key as \"Authorization: Bearer KEY\" or \"X-API-Key: KEY\"",
                "key_missing");
  const auto wanted = TRY(wanted_workspace(request));
  return access.caller_of(*secret, request.id, wanted.empty() ? otherwise : wanted);
}

}  // namespace mayfly::api
