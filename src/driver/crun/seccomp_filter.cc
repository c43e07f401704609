#include "driver/crun/seccomp_filter.h"

#include <cstdint>
#include <memory>
#include <vector>

#include <openssl/evp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include "driver/crun/seccomp_profile.h"
#include "json/reader.h"
#include "os/file.h"

namespace mayfly::crun {

namespace {

using json::object;
using Context = std::unique_ptr<void, decltype(&seccomp_release)>;

tl::unexpected<Error> cannot(const std::string& what, int trouble) {
  auto error = errno_error(-trouble, "compile the seccomp profile: " + what);
  error.code = Code::unsupported;
  return tl::unexpected(std::move(error));
}

std::uint32_t action_of(const object& rule, const char* key, const char* with) {
  if (rule.at(key).as_string() == "SCMP_ACT_ALLOW") return SCMP_ACT_ALLOW;
  CHECK(rule.at(key).as_string() == "SCMP_ACT_ERRNO");
  return SCMP_ACT_ERRNO(rule.at(with).to_number<std::uint16_t>());
}

scmp_compare operator_of(std::string_view name) {
  if (name == "SCMP_CMP_EQ") return SCMP_CMP_EQ;
  if (name == "SCMP_CMP_NE") return SCMP_CMP_NE;
  CHECK(name == "SCMP_CMP_MASKED_EQ");
  return SCMP_CMP_MASKED_EQ;
}

std::vector<scmp_arg_cmp> conditions_of(const object& rule) {
  std::vector<scmp_arg_cmp> all;
  if (const auto* args = rule.if_contains("args"))
    for (const auto& arg : args->as_array())
      all.push_back({arg.at("index").to_number<unsigned>(), operator_of(arg.at("op").as_string()),
                     arg.at("value").to_number<std::uint64_t>(), arg.at("valueTwo").to_number<std::uint64_t>()});
  return all;
}

Status add_rule(const Context& context, const object& rule) {
  const auto action = action_of(rule, "action", "errnoRet");
  const auto conditions = conditions_of(rule);
  for (const auto& name : rule.at("names").as_array()) {
    const int number = seccomp_syscall_resolve_name(name.as_string().c_str());
    // Unknown to this library: the default refuses it.
    if (number == __NR_SCMP_ERROR) continue;
    const int done = seccomp_rule_add_array(context.get(), action, number, static_cast<unsigned>(conditions.size()),
                                            conditions.data());
    // A rule that does what the default does is refused as needless.
    if (done < 0 && done != -EACCES) return cannot(std::string(name.as_string()), done);
  }
  return {};
}

std::string base64(std::string_view bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int length = ::EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                       reinterpret_cast<const unsigned char*>(bytes.data()),
                                       static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(length));
  return text;
}

}  // namespace

Result<std::string> seccomp_filter() {
  const auto profile = boost::json::parse(seccomp_profile).as_object();
  const Context context(seccomp_init(action_of(profile, "defaultAction", "defaultErrnoRet")), seccomp_release);
  if (!context) return cannot("make a filter", -ENOMEM);
  // A binary tree over the numbers: the common call meets a few comparisons instead of hundreds.
  if (const int done = seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2); done < 0)
    return cannot("order by number", done);
  for (const auto& rule : profile.at("syscalls").as_array()) TRY(add_rule(context, rule.as_object()));

  const os::Fd file(::memfd_create("seccomp", MFD_CLOEXEC));
  if (!file) return cannot("make a file in memory", -errno);
  if (const int done = seccomp_export_bpf(context.get(), file.get()); done < 0) return cannot("export it", done);
  return base64(TRY(os::read_file("/proc/self/fd/" + std::to_string(file.get()), 1 << 20)));
}

}  // namespace mayfly::crun
