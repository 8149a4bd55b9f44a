// Vectors of floats by GCC's and Clang's vector extension: one source for every instruction set, whose width the compiler's flags decide.
//
// Everything here and in the other headers of compute.cc is in an unnamed namespace, and nothing of the C++ library is instantiated:
// compute.cc is compiled once for each instruction set, and the linker must never take a function of one for that of another.
#pragma once

#include <cstddef>
#include <cstring>

namespace {

#if defined(__AVX512F__)
constexpr int LANES = 16;
#elif defined(__AVX2__)
constexpr int LANES = 8;
#else
constexpr int LANES = 4;
#endif

typedef float Floats __attribute__((vector_size(LANES * sizeof(float))));
typedef int Ints __attribute__((vector_size(LANES * sizeof(int))));
/** The same at any address. */
typedef float LooseFloats __attribute__((vector_size(LANES * sizeof(float)), aligned(alignof(float)), may_alias));

inline Floats load(const float *from) { return *reinterpret_cast<const LooseFloats *>(from); }
inline void store(float *to, Floats value) { *reinterpret_cast<LooseFloats *>(to) = value; }
inline Floats all(float value) { return value - Floats{}; }

/** The first `count` lanes; the others are `rest`. */
inline Floats load_some(const float *from, int count, float rest) {
  Floats value = all(rest);
  std::memcpy(&value, from, count * sizeof(float));
  return value;
}
inline void store_some(float *to, Floats value, int count) { std::memcpy(to, &value, count * sizeof(float)); }

inline Floats select(Ints condition, Floats yes, Floats no) {
  return reinterpret_cast<Floats>((condition & reinterpret_cast<Ints>(yes)) | (~condition & reinterpret_cast<Ints>(no)));
}
inline Floats larger(Floats a, Floats b) { return select(a > b, a, b); }

/** Always in the same order, so that results are the same bits. */
inline float sum(Floats value) {
  float lanes[LANES];
  store(lanes, value);
  for (int half = LANES / 2; half > 0; half /= 2)
    for (int lane = 0; lane < half; lane++) lanes[lane] += lanes[lane + half];
  return lanes[0];
}
inline float largest(Floats value) {
  float lanes[LANES];
  store(lanes, value);
  for (int half = LANES / 2; half > 0; half /= 2)
    for (int lane = 0; lane < half; lane++) lanes[lane] = lanes[lane] > lanes[lane + half] ? lanes[lane] : lanes[lane + half];
  return lanes[0];
}

/**
 * e^x for x up to 88, exactly 0 below -87, relative error below 2e-7. With n = round(x / ln 2) it is 2^n times the Taylor polynomial of degree 7
 * at x - n ln 2; ln 2 is subtracted in two parts, the first of which has few enough bits for n times it to be exact.
 */
inline Floats exponential(Floats x) {
  const Ints too_small = x < -87.0f;
  x = select(too_small, all(-87.0f), x);
  // Adding 1.5 · 2^23 leaves no bits for a fraction.
  const float no_fraction = 12582912.0f;
  const Floats n = (x * 1.44269504f + no_fraction) - no_fraction;
  const Floats rest = (x - n * 0.693359375f) - n * -2.12194440e-4f;
  const float coefficients[] = {1 / 720.0f, 1 / 120.0f, 1 / 24.0f, 1 / 6.0f, 1 / 2.0f, 1, 1};
  Floats y = all(1 / 5040.0f);
  for (const float coefficient : coefficients) y = y * rest + coefficient;
  const Ints power = (__builtin_convertvector(n, Ints) + 127) << 23;
  return select(too_small, Floats{}, y * reinterpret_cast<Floats>(power));
}

/**
 * The normal distribution function of x and, in `density`, its derivative. erfc by formula 7.1.26 of Abramowitz and Stegun, Handbook of
 * Mathematical Functions: absolute error below 8e-8 here.
 */
inline Floats normal_distribution(Floats x, Floats *density) {
  const Floats size = select(x < 0.0f, -x, x);
  const Floats bell = exponential(x * x * -0.5f);
  *density = bell * 0.39894228f;
  const Floats t = 1.0f / (size * (0.3275911f * 0.70710678f) + 1.0f);
  const float coefficients[] = {-1.453152027f, 1.421413741f, -0.284496736f, 0.254829592f};
  Floats tail = all(1.061405429f);
  for (const float coefficient : coefficients) tail = tail * t + coefficient;
  tail = tail * t * bell * 0.5f;
  return select(x < 0.0f, tail, 1.0f - tail);
}

} // namespace
