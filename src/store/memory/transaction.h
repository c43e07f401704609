#pragma once

#include "ports/store.h"
#include "store/memory/forest_tables.h"
#include "store/memory/list_table.h"
#include "store/memory/record_tables.h"
#include "store/memory/resource_tables.h"
#include "store/memory/runtime_table.h"
#include "store/memory/volume_table.h"

namespace mayfly::memory {

/// All gateways over one draft.
class MemoryTransaction : public Transaction {
 public:
  MemoryTransaction(Draft& draft, Moment moment)
      : moment_(moment), sandboxes_(draft), lifetimes_(draft), tasks_(draft), cleanup_records_(draft),
        events_(draft), archives_(draft), images_(draft), identities_(draft), settings_(draft),
        idempotency_(draft), volumes_(draft), usage_(draft), lists_(draft), resources_(draft), records_(draft),
        trash_(draft), holds_(draft), runtimes_(draft) {}

  Moment moment() const override { return moment_; }
  SandboxTable& sandboxes() override { return sandboxes_; }
  LifetimeTable& lifetimes() override { return lifetimes_; }
  TaskTable& tasks() override { return tasks_; }
  CleanupRecordTable& cleanup_records() override { return cleanup_records_; }
  EventTable& events() override { return events_; }
  ArchiveTable& archives() override { return archives_; }
  ImageTable& images() override { return images_; }
  IdentityTable& identities() override { return identities_; }
  SettingTable& settings() override { return settings_; }
  IdempotencyTable& idempotency() override { return idempotency_; }
  VolumeTable& volumes() override { return volumes_; }
  UsageTable& usage() override { return usage_; }
  ListTable& lists() override { return lists_; }
  ResourceTable& resources() override { return resources_; }
  RecordTable& records() override { return records_; }
  TrashTable& trash() override { return trash_; }
  HoldTable& holds() override { return holds_; }
  RuntimeTable& runtimes() override { return runtimes_; }

 private:
  Moment moment_;
  MemorySandboxTable sandboxes_;
  MemoryLifetimeTable lifetimes_;
  MemoryTaskTable tasks_;
  MemoryCleanupRecordTable cleanup_records_;
  MemoryEventTable events_;
  MemoryArchiveTable archives_;
  MemoryImageTable images_;
  MemoryIdentityTable identities_;
  MemorySettingTable settings_;
  MemoryIdempotencyTable idempotency_;
  MemoryVolumeTable volumes_;
  MemoryUsageTable usage_;
  MemoryListTable lists_;
  MemoryResourceTable resources_;
  MemoryRecordTable records_;
  MemoryTrashTable trash_;
  MemoryHoldTable holds_;
  MemoryRuntimeTable runtimes_;
};

}  // namespace mayfly::memory
