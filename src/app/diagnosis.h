#pragma once
// The whole comparison, as the reconciler acts on it and doctor prints it: what the host, the image folders and the
// blob store really hold, against what the database says. It changes nothing.

#include <string>
#include <vector>

#include "core/reconcile.h"
#include "ports/blob_store.h"
#include "ports/driver.h"
#include "ports/images.h"
#include "ports/store.h"

namespace mayfly {

struct Diagnosis {
  std::vector<reconcile::Finding> findings;
  std::vector<reconcile::Finding> archives;  // archives and objects that do not match
  std::size_t sandboxes = 0, things = 0;     // how much was compared
  bool suspicious = false;

  bool clean() const { return findings.empty() && archives.empty(); }
};

Result<Diagnosis> diagnose(Store& store, Driver& driver, BlobStore& blobs, Images& images,
                           const std::string& instance);

}  // namespace mayfly
