#include "api/native/delete_policy.h"

#include "api/native/handler.h"

namespace mayfly::api::native {

Result<DeleteRequest> read_delete(const http::Request& request) {
  TRY(only_query(request, {"archive", "on_archive_failure", "archive_retention_seconds"}));
  DeleteRequest wish;
  wish.policy.archive = TRY(query_flag(request, "archive", true));
  if (const auto* word = request.query_value("on_archive_failure")) {
    if (*word != "hold" && *word != "waive")
      return fail(Code::invalid, "on_archive_failure must be hold or waive; got \"" + word->substr(0, 40) + "\"",
                  "query_invalid");
    if (*word == "waive") wish.policy.on_archive_failure = DeletePolicy::OnArchiveFailure::waive;
  }
  const auto retention =
      TRY(query_integer(request, "archive_retention_seconds", archive_retention / 1s, 60, 316224000));
  wish.policy.archive_retention = std::chrono::seconds(retention);
  return wish;
}

}  // namespace mayfly::api::native
