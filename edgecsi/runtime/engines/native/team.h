// Threads that share the pieces of a job, once per call, and wait between calls.
//
// A real-time caller must never wait for a thread that it keeps from running. So helpers take over the caller's
// scheduling class; where the system refuses that, the caller does the work alone. Whoever is free takes the next
// piece, the caller included, so that it waits for no more than the pieces that helpers have begun; it looks a
// bounded number of times and then sleeps, which lets a helper on the same processor go on.
#pragma once

#include <immintrin.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

namespace edgecsi {

enum class Outcome { DONE = 0, FORKED = 1, SIZES = 2, STUCK = 3 };

class Team {
   public:
    // piece(thread, call, i) computes piece i; the caller of run() is thread 0.
    Team(int threads, std::function<void(int, std::uint32_t, long)> piece)
        : piece(std::move(piece)), shares(threads), process(getpid()) {
        try {
            for (int i = 1; i < threads; ++i) helpers.emplace_back([this, i] { help(i); });
        } catch (...) {  // the system has no more threads
            dismiss();
            throw;
        }
    }

    ~Team() { dismiss(); }

    // Whether the threads exist in this process: after fork() they don't, and nothing may be freed either.
    bool here() const { return getpid() == process; }

    // Whether a helper has not given back a piece: it still reads and writes the caller's memory.
    bool stuck() const { return missing.load() > 0; }

    Outcome run(long pieces) {
        if (!here()) return Outcome::FORKED;
        if (stuck()) return Outcome::STUCK;
        const bool alone = helpers.empty() || !same_class();
        const std::uint32_t call = ++number;
        const long threads = static_cast<long>(shares.size());
        missing.store(pieces);
        for (long i = 0; i < threads; ++i) {
            const long begin = pieces * i / threads, end = pieces * (i + 1) / threads;
            shares[i].end = end;
            shares[i].left.store(static_cast<std::uint64_t>(call) << 32 | static_cast<std::uint32_t>(end - begin),
                                 std::memory_order_release);
        }
        if (!alone) {
            calls.store(call);
            if (sleepers.load() > 0) wake(calls);
        }
        const long done = work(0, call);
        if (missing.fetch_sub(done) == done) return Outcome::DONE;
        for (int looks = 0; looks < LOOKS; ++looks) {
            if (missing.load(std::memory_order_acquire) == 0) return Outcome::DONE;
            _mm_pause();
        }
        return sleep_until_done();
    }

   private:
    static constexpr int LOOKS = 4096;       // some 50 us awake, in case the next call comes at once
    static constexpr int PATIENCE_S = 4;     // for pieces of some 50 us that a helper has begun
    static constexpr int UNKNOWN = -1;

    struct alignas(64) Share {
        std::atomic<std::uint64_t> left{0};  // number of the call << 32 | pieces that nobody has begun
        long end = 0;                        // of that call
    };

    // Have the helpers the caller's scheduling class? They are given it where they don't.
    bool same_class() {
        const int found = sched_getscheduler(0);
        const int policy = found & ~SCHED_RESET_ON_FORK;
        if (found < 0) return true;
        sched_param parameters{};
        const bool real_time = policy == SCHED_FIFO || policy == SCHED_RR;
        if (real_time) sched_getparam(0, &parameters);
        if (!real_time && policy != SCHED_OTHER && policy != SCHED_BATCH && policy != SCHED_IDLE) return false;
        const int wanted = real_time ? policy : SCHED_OTHER;
        if (wanted == applied_policy && parameters.sched_priority == applied_priority) return applied;
        applied = true;
        for (auto& helper : helpers)
            applied &= pthread_setschedparam(helper.native_handle(), wanted, &parameters) == 0;
        applied |= !real_time;  // helpers above the caller do no harm
        applied_policy = wanted;
        applied_priority = parameters.sched_priority;
        return applied;
    }

    // Do the pieces of a call that nobody has begun, one's own share first; how many it did.
    long work(int thread, std::uint32_t call) {
        long done = 0;
        const int threads = static_cast<int>(shares.size());
        for (int i = 0; i < threads; ++i) {
            Share& share = shares[(thread + i) % threads];
            for (long next; (next = take(share, call)) >= 0; ++done) piece(thread, call, next);
        }
        return done;
    }

    // While a piece is out, its call goes on and `end` stays; -1: none is left, or the call is over.
    static long take(Share& share, std::uint32_t call) {
        std::uint64_t found = share.left.load(std::memory_order_acquire);
        for (;;) {
            const std::uint32_t left = static_cast<std::uint32_t>(found);
            if (found >> 32 != call || left == 0) return -1;
            if (share.left.compare_exchange_weak(found, found - 1, std::memory_order_acq_rel)) return share.end - left;
        }
    }

    Outcome sleep_until_done() {
        timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        const time_t end = now.tv_sec + PATIENCE_S;
        for (;;) {
            waiting.store(1);  // anew: a helper that was late for the call before may have taken it back
            if (missing.load() == 0 || now.tv_sec >= end) break;
            const timespec longest{1, 0};
            syscall(SYS_futex, &waiting, FUTEX_WAIT_PRIVATE, 1, &longest, nullptr, 0);
            clock_gettime(CLOCK_MONOTONIC, &now);
        }
        waiting.store(0);
        return missing.load() > 0 ? Outcome::STUCK : Outcome::DONE;
    }

    static void wake(std::atomic<std::uint32_t>& word) {
        syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, INT32_MAX, nullptr, nullptr, 0);
    }

    void dismiss() {
        leaving = true;
        calls.store(++number);
        wake(calls);
        for (auto& helper : helpers) helper.join();
    }

    void help(int thread) {
        for (std::uint32_t seen = 0;;) {
            for (int looks = 0; calls.load(std::memory_order_acquire) == seen && looks < LOOKS; ++looks) _mm_pause();
            while (calls.load() == seen) {
                sleepers.fetch_add(1);
                if (calls.load() == seen) syscall(SYS_futex, &calls, FUTEX_WAIT_PRIVATE, seen, nullptr, nullptr, 0);
                sleepers.fetch_sub(1);
            }
            seen = calls.load();
            if (leaving) return;
            const long done = work(thread, seen);
            if (done == 0 || missing.fetch_sub(done) > done) continue;
            if (waiting.exchange(0)) wake(waiting);
        }
    }

    std::function<void(int, std::uint32_t, long)> piece;
    std::vector<Share> shares;
    const pid_t process;
    std::uint32_t number = 0;
    std::atomic<std::uint32_t> calls{0}, waiting{0}, sleepers{0};
    std::atomic<long> missing{0};
    std::atomic<bool> leaving{false};
    int applied_policy = UNKNOWN, applied_priority = 0;
    bool applied = true;
    std::vector<std::thread> helpers;
};

}  // namespace edgecsi
