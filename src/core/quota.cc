#include "core/quota.h"

#include <sstream>

namespace mayfly {

namespace {

// Sums of cores are sums of fractions: less than this too much is none.
constexpr double tolerance = 1e-6;

std::string plain(double number) {
  std::ostringstream text;
  text.precision(15);
  text << number;
  return text.str();
}

Status check(const std::string& what, std::optional<double> limit, double used, double asked) {
  if (!limit || asked <= 0 || used + asked <= *limit + tolerance) return {};
  Error error{Code::denied,
              "the workspace may hold " + plain(*limit) + " " + what + ": " + plain(used) + " are in use and " +
                  plain(asked) + " more are asked for. Delete or stop something, or let an admin raise the quota",
              "quota_exceeded",
              {{"quota." + what, "at most " + plain(*limit), plain(used + asked)}}};
  error.facts = {{"limit", *limit}, {"used", used}, {"asked", asked}};
  return tl::unexpected(std::move(error));
}

std::optional<double> number(const std::optional<std::int64_t>& limit) {
  return limit ? std::optional(static_cast<double>(*limit)) : std::nullopt;
}

}  // namespace

Status check_quota(const Quota& quota, const WorkspaceUsage& used, const WorkspaceUsage& asked) {
  const auto whole = [](std::int64_t n) { return static_cast<double>(n); };
  TRY(check("sandboxes", number(quota.sandboxes), whole(used.sandboxes), whole(asked.sandboxes)));
  TRY(check("cpus", quota.cpus, used.cpus, asked.cpus));
  TRY(check("memory_mb", number(quota.memory_mb), whole(used.memory_mb), whole(asked.memory_mb)));
  TRY(check("disk_mb", number(quota.disk_mb), whole(used.disk_mb), whole(asked.disk_mb)));
  return check("archive_bytes", number(quota.archive_bytes), whole(used.archive_bytes), whole(asked.archive_bytes));
}

}  // namespace mayfly
