/* One sandbox, its clock, and everybody who races for it: keepalives (an instant, or a span under an idempotency key),
 * set-to, delete, the deadline loop, group commit whose outcome may be unknown, and death at any moment.
 *
 * Checked are the properties at the end of the file, each by its name. A macro BROKEN_* takes one safety rule away;
 * tests/model/check.py asserts that the named property then fails.
 */

#define END       4     /* the clock stops here, or earlier: then nothing may depend on its going on */
#define BIRTH_END 2     /* expires_at of the new sandbox */
#define SPAN      2     /* what a keepalive by span adds */
#ifndef DEATHS
#define DEATHS    1
#endif
#define NEVER     15

mtype = { nothing, keep_until, keep_by, set_to, remove, fire };                /* what a closure does */
mtype = { idle, queued, answered, refused, lost };                             /* what became of it */

/* src/core/lifetime.h, the narrow row; and what two more tables know: the event of the end, the idempotency key. */
typedef Row {
  bit deleting;
  bit by_expiry;
  byte ended_at;      /* service time of the transaction that ended it by expiry */
  byte expires = BIRTH_END;
  byte wake = BIRTH_END;  /* indexed, never later than expires */
  byte added;         /* how often the keyed keepalive has changed the row */
  bit key;            /* the key is remembered, with its answer */
}
Row disk;             /* what is committed */
Row work;             /* what the open transaction sees */

/* A place in the queue of the writer, one for each who submits. */
typedef Place {
  mtype what = nothing;
  byte arg;
  mtype fate = idle;
  mtype verdict = idle;      /* of the closure, while its group is not committed */
  byte result;
  bit late;           /* a keepalive that was run when there was nothing to keep */
}
#define CLIENTS 2
#define LOOP    2
Place place[3];

byte now = 0;
byte deaths = 0;

/* Memory of the loop: lost at death. */
byte near = NEVER;                  /* the heap */
bit reload = 1;                     /* the index must be read again */
byte beyond = NEVER;                /* the first wake_at that is not in the heap */

/* Ghosts: what the outside world was told. */
byte promised = BIRTH_END;          /* expires_at of the last acknowledged call, lowered by whoever shortened it */
bit delete_acknowledged = 0;
bit told_refused_but_done = 0;
bit answered_after_the_end = 0;

inline put_away(p) { place[p].fate = idle; place[p].what = nothing; place[p].arg = 0; place[p].result = 0; place[p].late = 0; place[p].verdict = idle }

/* src/core/lifetime.cc: settle. wake_at moves only where it would be too late. */
inline settle() {
  if
  :: work.wake > work.expires -> work.wake = work.expires
  :: else
  fi
}

/* The closures of src/app/sandboxes.cc (extend_in, set_lifetime, remove) and src/app/deadlines.cc (decide). */
inline run_closure(p) {
  place[p].result = work.expires;
  place[p].verdict = answered;
  place[p].late = 0;
  if
  :: place[p].what == keep_until ->
    if
#ifndef BROKEN_EXTENDS_THE_ENDED
    :: work.deleting || now >= work.expires -> place[p].verdict = refused
#endif
    :: else ->
      place[p].late = (work.deleting || now >= work.expires);
#ifdef BROKEN_EXTEND_SHORTENS
      work.expires = place[p].arg;
#else
      if :: place[p].arg > work.expires -> work.expires = place[p].arg :: else fi;
#endif
      settle();
      place[p].result = work.expires
    fi
  :: place[p].what == keep_by ->
    if
#ifndef BROKEN_RETRY_ADDS_TWICE
    :: work.key -> if :: work.deleting -> place[p].result = 0 :: else fi     /* src/app/idempotency.cc: recall */
#endif
    :: else ->
      if
      :: work.deleting || now >= work.expires -> place[p].verdict = refused
      :: else ->
        work.expires = (work.expires + SPAN > END -> END : work.expires + SPAN);
        work.added++;
        work.key = 1;                                /* remember: in the transaction of the effect */
        settle();
        place[p].result = work.expires
      fi
    fi
  :: place[p].what == set_to ->
    if
    :: work.deleting || now >= work.expires -> place[p].verdict = refused
    :: else ->
      work.expires = place[p].arg;
#ifndef BROKEN_WAKE_NOT_LOWERED
      work.wake = NEVER;
      settle();
#endif
      place[p].result = work.expires
    fi
  :: place[p].what == remove -> work.deleting = 1
  :: place[p].what == fire ->
    if
#ifndef BROKEN_NO_RECHECK
    :: !work.deleting && now < work.expires -> work.wake = work.expires     /* extended: look again there */
#endif
    :: work.deleting -> skip
    :: else -> work.deleting = 1; work.by_expiry = 1; work.ended_at = now
    fi
  fi
}

/* What a commit makes true for the world, whoever learns of it: from here on somebody has shortened it. */
inline shortened(p) {
  if
  :: place[p].what == set_to && place[p].verdict == answered && place[p].arg < promised -> promised = place[p].arg
  :: else
  fi
}

/* The answer leaves; memory is told by the wakes of the commit (src/store/sqlite/writer.cc: answer; Deadlines::notice). */
inline tell(p) {
  if
  :: place[p].verdict == answered && (place[p].what == keep_until || place[p].what == keep_by) ->
    if :: place[p].result > promised -> promised = place[p].result :: else fi;
    if :: place[p].late -> answered_after_the_end = 1 :: else fi
  :: place[p].verdict == answered && place[p].what == set_to -> promised = place[p].result
  :: place[p].verdict == answered && place[p].what == remove -> delete_acknowledged = 1
  :: else
  fi;
  place[p].fate = place[p].verdict
}

inline notice() {
  if
  :: disk.deleting -> skip
  :: !disk.deleting && (beyond == NEVER || disk.wake < beyond || reload) -> reload = 1
  :: else
  fi
}

/* The group under way: it dies with the server. */
mtype = { collecting, ran, committed };
mtype stage = collecting;
bool taken[3];
byte first;           /* who came first */
byte turn;            /* of a loop within one atomic step */

#define for_each_in_the_group(action) \
  turn = 0; \
  do \
  :: turn < 3 -> if :: taken[(first + turn) % 3] -> action(((first + turn) % 3)) :: else fi; turn++ \
  :: else -> break \
  od; \
  turn = 0

inline open_transaction() {
  work.deleting = disk.deleting; work.by_expiry = disk.by_expiry; work.ended_at = disk.ended_at;
  work.expires = disk.expires; work.wake = disk.wake; work.added = disk.added; work.key = disk.key
}

inline close_transaction() {
  work.deleting = 0; work.by_expiry = 0; work.ended_at = 0;
  work.expires = 0; work.wake = 0; work.added = 0; work.key = 0
}

inline make_durable() {
  disk.deleting = work.deleting; disk.by_expiry = work.by_expiry; disk.ended_at = work.ended_at;
  disk.expires = work.expires; disk.wake = work.wake; disk.added = work.added; disk.key = work.key;
  for_each_in_the_group(shortened)
}

inline forget_group() {
  taken[0] = 0; taken[1] = 0; taken[2] = 0;
  first = 0;
  close_transaction();
  stage = collecting
}

inline refuse(p) {
  if
  :: place[p].what == remove && disk.deleting && !disk.by_expiry -> told_refused_but_done = 1
  :: else
  fi;
  place[p].fate = refused
}

/* kill -9 or abort, and a new life: src/main/engine.cc. What was not answered is lost to whoever asked. */
inline die() {
  deaths++;
  forget_group();
  if :: place[0].fate == queued -> place[0].fate = lost :: else fi;
  if :: place[1].fate == queued -> place[1].fate = lost :: else fi;
  put_away(LOOP);
  near = NEVER;
  beyond = NEVER;
#ifdef BROKEN_FORGOTTEN_AT_RESTART
  reload = 0
#else
  reload = 1                                           /* the index is all that a restart needs */
#endif
}

/* src/store/sqlite/writer.cc: everything queued, each closure in turn, one commit, then the answers. */
active proctype Writer() {
end:
  do
  :: atomic { stage == collecting && (place[0].fate == queued || place[1].fate == queued || place[2].fate == queued) ->
      open_transaction();
      if
      :: place[0].fate == queued -> first = 0
      :: place[1].fate == queued -> first = 1
      :: place[LOOP].fate == queued -> first = LOOP
      fi;
      taken[0] = (place[0].fate == queued);
      taken[1] = (place[1].fate == queued);
      taken[2] = (place[2].fate == queued);
      for_each_in_the_group(run_closure);
#ifdef BROKEN_ANSWER_FIRST
      for_each_in_the_group(tell);
#endif
      stage = ran }
  :: atomic { stage == ran ->                          /* COMMIT worked */
      make_durable();
      stage = committed }
  :: atomic { stage == ran && deaths < DEATHS ->       /* COMMIT failed: nobody can tell what is on the disk */
      if :: make_durable() :: skip fi;
#ifdef BROKEN_UNKNOWN_IS_REFUSED
      deaths++;
      for_each_in_the_group(refuse);
      forget_group()
#else
      die()                                            /* outcome_unknown: abort, and answer nobody */
#endif
    }
  :: atomic { stage == committed ->
#ifndef BROKEN_ANSWER_FIRST
      for_each_in_the_group(tell);
#endif
      forget_group();
      notice() }
  od
}

active proctype Killer() {
  do
  :: atomic { deaths < DEATHS -> die() }
  :: break
  od
}

active proctype Clock() {
  do
  :: now < END -> now++
  :: break                                             /* it need not go on */
  od
}

/* src/app/deadlines.cc: load what wakes soon, sleep until it does, fire. */
active proctype Deadlines() {
end:
  do
  :: atomic { place[LOOP].fate == answered -> put_away(LOOP) }
  :: atomic { place[LOOP].fate == refused -> put_away(LOOP); reload = 1 }
  :: atomic { place[LOOP].fate == idle && reload ->
      reload = 0;
      near = NEVER;
      beyond = NEVER;
      if
      :: disk.deleting -> skip
      :: !disk.deleting && disk.wake <= now + 1 -> near = disk.wake
      :: else -> beyond = disk.wake
      fi }
  :: atomic { place[LOOP].fate == idle && !reload && beyond != NEVER && beyond <= now + 1 -> reload = 1 }
  :: atomic { place[LOOP].fate == idle && !reload && near <= now ->
      near = NEVER;
      place[LOOP].what = fire; place[LOOP].fate = queued }
  od
}

inline ask(p, wish, until) {
  atomic { place[p].fate == idle -> place[p].what = wish; place[p].arg = until; place[p].fate = queued }
}

#define has_answer(p) (place[p].fate == refused || place[p].fate == lost || place[p].fate == answered)

/* One who keeps alive, by an instant or by a span; a span whose answer was lost is asked again under its key. */
active proctype Keeper() {
  ask(0, keep_by, 0);
  if
  :: atomic { has_answer(0) && place[0].fate == lost -> put_away(0) };
    ask(0, keep_by, 0);
    atomic { has_answer(0) -> put_away(0) }
  :: atomic { has_answer(0) && place[0].fate != lost -> put_away(0) }
  fi;
  ask(0, keep_until, 4);
  atomic { has_answer(0) -> put_away(0) };
#ifdef BROKEN_EXTEND_SHORTENS
  ask(0, keep_until, 3);
  atomic { has_answer(0) -> put_away(0) }
#endif
}

/* Another who sets, either way, and may delete. */
active proctype Owner() {
  if
  :: ask(1, set_to, 1); atomic { has_answer(1) -> put_away(1) }
  :: ask(1, set_to, 3); atomic { has_answer(1) -> put_away(1) }
  :: skip
  fi;
  if
  :: ask(1, remove, 0); atomic { has_answer(1) -> put_away(1) }
  :: skip
  fi
}

/* ARCHITECTURE.md, invariants; `once` and `truth` are what idempotency keys and answers promise (C6). */
#define keeps_D1 (!disk.by_expiry || (disk.ended_at >= promised && !answered_after_the_end))
#define keeps_index (disk.deleting || disk.wake <= disk.expires)
#define keeps_C6 (!delete_acknowledged || disk.deleting)
#define keeps_once (disk.added <= 1)
#define keeps_truth (!told_refused_but_done)

ltl D1 { [] keeps_D1 }
ltl index { [] keeps_index }
ltl C6 { [] keeps_C6 }
ltl once { [] keeps_once }
ltl truth { [] keeps_truth }
ltl all_of_them { [] (keeps_D1 && keeps_index && keeps_C6 && keeps_once && keeps_truth) }
ltl D2 { [] ((!disk.deleting && now >= disk.expires) -> <> (disk.deleting || now < disk.expires)) }
