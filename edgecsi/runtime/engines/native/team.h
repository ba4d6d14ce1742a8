// Threads that all do their part of a job, once per call, and wait between calls.
#pragma once

#include <immintrin.h>

#include <atomic>
#include <functional>
#include <thread>
#include <vector>

namespace edgecsi {

class Team {
   public:
    // part(i), i from 0 to threads-1, is thread i's; the caller of run() is thread 0.
    Team(int threads, std::function<void(int)> part) : part(std::move(part)) {
        try {
            for (int i = 1; i < threads; ++i) helpers.emplace_back([this, i] { help(i); });
        } catch (...) {  // the system has no more threads
            dismiss();
            throw;
        }
    }

    ~Team() { dismiss(); }

    void run() {
        busy.store(static_cast<int>(helpers.size()), std::memory_order_relaxed);
        call();
        part(0);
        for (int looks = 0; busy.load(std::memory_order_acquire) > 0; ++looks) {
            if (looks < LOOKS)
                _mm_pause();
            else
                std::this_thread::yield();  // more threads than processors
        }
    }

   private:
    static constexpr int LOOKS = 4096;  // some 50 us awake, in case the next call comes at once

    void call() {
        calls.fetch_add(1, std::memory_order_release);
        calls.notify_all();
    }

    void dismiss() {
        leaving = true;
        call();
        for (auto& helper : helpers) helper.join();
    }

    void help(int i) {
        for (int seen = 0;;) {
            for (int looks = 0; calls.load(std::memory_order_acquire) == seen && looks < LOOKS; ++looks) _mm_pause();
            calls.wait(seen, std::memory_order_acquire);
            ++seen;
            if (leaving) return;
            part(i);
            busy.fetch_sub(1, std::memory_order_release);
        }
    }

    std::function<void(int)> part;
    std::atomic<int> calls{0}, busy{0};
    std::atomic<bool> leaving{false};
    std::vector<std::thread> helpers;
};

}  // namespace edgecsi
