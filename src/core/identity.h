#pragma once
// Who may ask: organizations, workspaces, their people and their keys.

#include <optional>
#include <string>

#include "core/caller.h"
#include "core/resource.h"

namespace mayfly {

struct Workspace {
  Resource resource;                 // name is its slug; parent is the organization
  bool always_archive = false;       // overrides every waiver "asked by API"
};

struct User {
  UserId id;
  std::int64_t number = 0;           // some dialects know people by an integer
  std::string name;
  Role role = Role::member;
  bool active = true;
  Time created_at{};
};

/// The secret is never stored: only its SHA-256, and enough of its beginning to recognise it in a list.
struct ApiKey {
  KeyId id;
  UserId user;
  ResourceId workspace;              // its home
  std::string hash;                  // SHA-256 of the secret, hex
  std::string hint;                  // first characters
  Time created_at{};
  bool revoked = false;
};

/// An image that may be named: what the name means, and where its files are by digest.
struct ImageRecord {
  std::string name;                  // "busybox", "debian:bookworm"
  std::string digest;                // "sha256:..."
  std::int64_t bytes = 0;
  std::map<std::string, std::string> env;
  std::string workdir = "/";
  Time created_at{};
};

}  // namespace mayfly
