#include "main/data_folder.h"

#include <chrono>
#include <cstdlib>
#include <thread>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "main/clock.h"

namespace mayfly {

namespace {

constexpr off_t ballast_bytes = 64 << 20;
constexpr std::size_t shortest_admin_key = 16;

std::string absolute(const std::string& path) {
  char* resolved = ::realpath(path.c_str(), nullptr);
  if (!resolved) return path;
  std::string text = resolved;
  std::free(resolved);
  return text;
}

std::string random_secret() {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  unsigned char bytes[32];
  SystemRandom().fill(bytes, sizeof bytes);
  std::string secret = "mf_";
  for (const auto byte : bytes) secret += alphabet[byte % alphabet.size()];
  return secret;
}

}  // namespace

Result<DataFolder> DataFolder::open(const std::string& path) {
  DataFolder folder;
  TRY(os::make_folders(path, 0700));
  folder.path_ = absolute(path);
  if (::chmod(folder.path_.c_str(), 0700) != 0) return tl::unexpected(errno_error(errno, "chmod 0700 " + path));
  folder.lock_ = TRY(os::open(folder.path_ + "/lock", O_RDWR | O_CREAT, 0600));
  if (::flock(folder.lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    const auto holder = os::read_file(folder.path_ + "/lock", 64).value_or("");
    return fail(Code::conflict,
                "the data directory " + folder.path_ + " belongs to a running mayfly server (process " +
                    (holder.empty() ? "unknown" : holder) + "); stop that one first or choose another --data",
                "data_directory_in_use");
  }
  const auto pid = std::to_string(::getpid());
  // For people only: a full disk must not keep the server from starting, since deletes need it.
  if (::ftruncate(folder.lock_.get(), 0) == 0) (void)os::write_all(folder.lock_.get(), pid);
  folder.helpers_ = TRY(os::open(folder.path_ + "/helpers.lock", O_RDWR | O_CREAT, 0600));
  return folder;
}

bool DataFolder::settle(std::chrono::milliseconds patience) const {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (::flock(helpers_.get(), LOCK_EX | LOCK_NB) != 0) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

Status DataFolder::make_ballast() const {
  if (os::open(path_ + "/ballast", O_RDONLY)) return {};
  const auto file = TRY(os::open(path_ + "/ballast", O_RDWR | O_CREAT, 0600));
  const int failed = ::posix_fallocate(file.get(), 0, ballast_bytes);
  if (failed == 0) return {};
  ::unlink((path_ + "/ballast").c_str());
  return tl::unexpected(errno_error(failed, "setting 64 MiB aside in " + path_ + "/ballast"));
}

void DataFolder::free_ballast() const { ::unlink((path_ + "/ballast").c_str()); }

Result<AdminKey> admin_key(const DataFolder& folder) {
  if (const char* given = std::getenv("MAYFLY_ADMIN_KEY"); given && *given) {
    if (std::string_view(given).size() < shortest_admin_key)
      return fail(Code::invalid, "MAYFLY_ADMIN_KEY has fewer than 16 characters", "admin_key_short");
    return AdminKey{given, false};
  }
  const auto path = folder.path() + "/admin.key";
  if (auto kept = os::read_file(path, 4096)) {
    while (!kept->empty() && (kept->back() == '\n' || kept->back() == ' ')) kept->pop_back();
    if (!kept->empty()) return AdminKey{*kept, false};
  }
  AdminKey key{random_secret(), true};
  TRY(os::write_file(path, key.secret + "\n", 0600));
  return key;
}

}  // namespace mayfly
