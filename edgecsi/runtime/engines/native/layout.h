// The layout of engine.bin. Written by layout.py from its table: change it there.
#pragma once

#include <vector>

namespace edgecsi {

constexpr int LANES = 16;  // floats in a register
constexpr int SIZE_COUNT = 10;

struct SizeTable {
    int antennas, history, future, features, prompts, width, feed_forward, heads, layers, delta;

    int tokens() const { return prompts + history; }
    int wide() const { return (features + 15) / 16 * 16; }

    // Floats behind the sizes.
    long weights() const {
        return 3L * wide() * width + 1L * history * width + 1L * prompts * width + layers * (1L * width + 1L *
            width + 3L * width * width + 3L * width + 1L * width * width + 1L * width + 1L * width + 1L *
            width + 1L * width * feed_forward + 1L * feed_forward + 1L * feed_forward * width + 1L * width) +
            1L * future * tokens() + 1L * width * wide() + 1L * future * wide();
    }
};

struct LayerWeights {
    const float *norm, *norm_bias, *qkv, *qkv_bias, *out, *out_bias, *feed_norm, *feed_norm_bias, *feed,
        *feed_bias, *back, *back_bias;
};

// Where each array begins, `next` being the first float behind the sizes.
struct Weights {
    const float *embedding, *position, *prompt;
    std::vector<LayerWeights> layers;
    const float *to_future, *to_features, *rest;

    Weights(const SizeTable& sizes, const float* next) : layers(sizes.layers) {
        const auto take = [&next](long count) {
            const float* found = next;
            next += count;
            return found;
        };
        embedding = take(3L * sizes.wide() * sizes.width);
        position = take(1L * sizes.history * sizes.width);
        prompt = take(1L * sizes.prompts * sizes.width);
        for (auto& layer : layers) {
            layer.norm = take(1L * sizes.width);
            layer.norm_bias = take(1L * sizes.width);
            layer.qkv = take(3L * sizes.width * sizes.width);
            layer.qkv_bias = take(3L * sizes.width);
            layer.out = take(1L * sizes.width * sizes.width);
            layer.out_bias = take(1L * sizes.width);
            layer.feed_norm = take(1L * sizes.width);
            layer.feed_norm_bias = take(1L * sizes.width);
            layer.feed = take(1L * sizes.width * sizes.feed_forward);
            layer.feed_bias = take(1L * sizes.feed_forward);
            layer.back = take(1L * sizes.feed_forward * sizes.width);
            layer.back_bias = take(1L * sizes.width);
        }
        to_future = take(1L * sizes.future * sizes.tokens());
        to_features = take(1L * sizes.width * sizes.wide());
        rest = take(1L * sizes.future * sizes.wide());
    }
};

}  // namespace edgecsi
