#pragma once

#include "ports/store.h"
#include "store/sql/archive_table.h"
#include "store/sql/cleanup_record_table.h"
#include "store/sql/event_table.h"
#include "store/sql/forest_tables.h"
#include "store/sql/idempotency_table.h"
#include "store/sql/identity_table.h"
#include "store/sql/image_table.h"
#include "store/sql/lifetime_table.h"
#include "store/sql/list_table.h"
#include "store/sql/runtime_table.h"
#include "store/sql/sandbox_table.h"
#include "store/sql/setting_table.h"
#include "store/sql/task_table.h"
#include "store/sql/volume_table.h"

namespace mayfly::sql {

/// The tables over one connection, for one closure after another.
class SqlTransaction : public Transaction {
 public:
  explicit SqlTransaction(Database& database)
      : sandboxes_(database), lifetimes_(database), tasks_(database), cleanup_records_(database),
        events_(database), archives_(database), images_(database), identities_(database), settings_(database),
        idempotency_(database), volumes_(database), usage_(database), lists_(database), resources_(database),
        records_(database), trash_(database), holds_(database), runtimes_(database) {}

  void start(Moment moment) {
    moment_ = moment;
    ids_made = 0;
    wakes = {};
  }

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
  SqlSandboxTable sandboxes_;
  SqlLifetimeTable lifetimes_;
  SqlTaskTable tasks_;
  SqlCleanupRecordTable cleanup_records_;
  SqlEventTable events_;
  SqlArchiveTable archives_;
  SqlImageTable images_;
  SqlIdentityTable identities_;
  SqlSettingTable settings_;
  SqlIdempotencyTable idempotency_;
  SqlVolumeTable volumes_;
  SqlUsageTable usage_;
  SqlListTable lists_;
  SqlResourceTable resources_;
  SqlRecordTable records_;
  SqlTrashTable trash_;
  SqlHoldTable holds_;
  SqlRuntimeTable runtimes_;
};

}  // namespace mayfly::sql
