/* Frozen weights times few rows of x, as fast as memory gives the weights: float16, bfloat16, INT8, INT4; and a token's
   attention to keys and values in float16.

   Rows of the weight are handed out to threads in strips, so that a strip is read from memory once for all rows of x.
   Halves are widened in registers. For integers x is rounded to 24 bits beside the largest value of its block, which is
   float32's own precision, and the sums of a block are exact: x = step * (65536 high + 256 middle + low), each in 8
   bits, as the instructions take them.
   Shapes: T rows of x, O outputs, I inputs; I is a multiple of 128. */

#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#if defined(__AVX512BW__) && defined(__AVX512VNNI__)
#define VNNI 1
#else
#define VNNI 0
#endif

enum { BLOCK = 512, STRIP = 16, TOGETHER = 4 };

/* libgomp's GOMP_parallel: the threads that torch computes with, which would otherwise wait beside ours */
typedef void parallel(void (*work)(void *), void *data, unsigned threads, unsigned flags);

struct job {
    const uint8_t *weight;
    const float *scale, *bias, *x;
    float *out;
    long rows, outputs, inputs, row_bytes, next;
    void (*dots)(const struct job *, const uint8_t *weight, long rows, long t, float *sums);
    /* of x, where the weights are integers: */
    long blocks;
    float *step, *parted;
    int8_t *high, *middle, *low;
    int32_t *start;
};

static void work(void *data) {
    struct job *job = data;
    for (;;) {
        long first = __atomic_fetch_add(&job->next, STRIP, __ATOMIC_RELAXED);
        if (first >= job->outputs) return;
        long last = first + STRIP < job->outputs ? first + STRIP : job->outputs;
        for (long t = 0; t < job->rows; t++)
            for (long o = first; o < last; o += TOGETHER) {
                long count = last - o < TOGETHER ? last - o : TOGETHER;
                float sums[TOGETHER];
                job->dots(job, job->weight + o * job->row_bytes, count, t, sums);
                for (long r = 0; r < count; r++) {
                    float sum = job->scale ? sums[r] * job->scale[o + r] : sums[r];
                    job->out[t * job->outputs + o + r] = job->bias ? sum + job->bias[o + r] : sum;
                }
            }
    }
}

static void run(parallel *threads_run, unsigned threads, void (*part)(void *), void *job) {
    if (threads_run && threads > 1)
        threads_run(part, job, threads, 0);
    else
        part(job);
}

#define INLINE static inline __attribute__((always_inline))
#define DOTS(name, one)                                                                                        \
    static void name(const struct job *job, const uint8_t *weight, long rows, long t, float *sums) {           \
        if (rows == TOGETHER)                                                                                  \
            one(TOGETHER, job, weight, t, sums);                                                               \
        else                                                                                                   \
            for (long r = 0; r < rows; r++) one(1, job, weight + r * job->row_bytes, t, sums + r);             \
    }

/* halves */

#if defined(__AVX512F__)
typedef __m512 vector;
enum { LANES = 16 };
#define ZERO _mm512_setzero_ps()
#define LOAD(p) _mm512_loadu_ps(p)
#define STORE(p, v) _mm512_storeu_ps(p, v)
#define ALL(x) _mm512_set1_ps(x)
#define FMA _mm512_fmadd_ps
#define WIDE16(p) _mm512_cvtph_ps(_mm256_loadu_si256((const void *)(p)))
#define WIDEB16(p) \
    _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)(p))), 16))
#define SUM(v) _mm512_reduce_add_ps(v)
#define INTS(p) _mm512_cvtepi8_epi32(_mm_loadu_si128((const void *)(p)))
#define WIDE8(p) _mm512_cvtepi32_ps(INTS(p))
#define EVEN4(p) _mm512_cvtepi32_ps(_mm512_srai_epi32(INTS(p), 4))
#define ODD4(p) _mm512_cvtepi32_ps(_mm512_srai_epi32(_mm512_slli_epi32(INTS(p), 28), 28))
#else
typedef __m256 vector;
enum { LANES = 8 };
#define ZERO _mm256_setzero_ps()
#define LOAD(p) _mm256_loadu_ps(p)
#define STORE(p, v) _mm256_storeu_ps(p, v)
#define ALL(x) _mm256_set1_ps(x)
#define FMA _mm256_fmadd_ps
#define WIDE16(p) _mm256_cvtph_ps(_mm_loadu_si128((const void *)(p)))
#define WIDEB16(p) \
    _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const void *)(p))), 16))
#define INTS(p) _mm256_cvtepi8_epi32(_mm_loadl_epi64((const void *)(p)))
#define WIDE8(p) _mm256_cvtepi32_ps(INTS(p))
#define EVEN4(p) _mm256_cvtepi32_ps(_mm256_srai_epi32(INTS(p), 4))
#define ODD4(p) _mm256_cvtepi32_ps(_mm256_srai_epi32(_mm256_slli_epi32(INTS(p), 28), 28))
static float SUM(__m256 v) {
    __m128 half = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    half = _mm_add_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_add_ss(half, _mm_shuffle_ps(half, half, 1)));
}
#endif

#define HALF(name, WIDE)                                                                                       \
    INLINE void name##_one(const int n, const struct job *job, const uint8_t *weight, long t, float *sums) {   \
        const float *x = job->x + t * job->inputs;                                                             \
        vector a[TOGETHER], b[TOGETHER];                                                                       \
        for (int r = 0; r < n; r++) a[r] = b[r] = ZERO;                                                        \
        for (long i = 0; i < job->inputs; i += 2 * LANES) {                                                    \
            vector x0 = LOAD(x + i), x1 = LOAD(x + i + LANES);                                                 \
            for (int r = 0; r < n; r++) {                                                                      \
                const uint8_t *w = weight + r * job->row_bytes + 2 * i;                                        \
                a[r] = FMA(WIDE(w), x0, a[r]);                                                                 \
                b[r] = FMA(WIDE(w + 2 * LANES), x1, b[r]);                                                     \
            }                                                                                                  \
        }                                                                                                      \
        for (int r = 0; r < n; r++) sums[r] = SUM(a[r]) + SUM(b[r]);                                           \
    }                                                                                                          \
    DOTS(name, name##_one)

HALF(float16_dots, WIDE16)
HALF(bfloat16_dots, WIDEB16)

/* attention: a query a head, to `columns` keys and values of float16 */

struct heads {
    const float *query, *mask;
    const uint16_t *key, *value;
    float *out, *weights;
    long heads, columns, size, key_stride, value_stride, heads_a_mask, next;
};

/* e^x for x <= 0, to 2e-7 of itself: 2^n times a polynomial, as in the Cephes library. */
INLINE float exponential(float x) {
    x = x < -87.0f ? -87.0f : x;
    float n = rintf(x * 1.44269504f), f = x - n * 0.693359375f + n * 2.12194440e-4f;
    float y = 1.9875691500e-4f;
    y = y * f + 1.3981999507e-3f;
    y = y * f + 8.3334519073e-3f;
    y = y * f + 4.1665795894e-2f;
    y = y * f + 1.6666665459e-1f;
    y = y * f + 5.0000001201e-1f;
    union { int32_t bits; float value; } power = {((int32_t)n + 127) << 23};
    return (y * f * f + f + 1.0f) * power.value;
}

static void head_weights(const struct heads *job, long head, float *weights) {
    const float *query = job->query + head * job->size, scale = 1.0f / sqrtf((float)job->size);
    const float *mask = job->mask ? job->mask + head / job->heads_a_mask * job->columns : 0;
    float largest = -INFINITY, sum = 0;
    for (long t = 0; t < job->columns; t++) {
        const uint16_t *key = job->key + head * job->key_stride + t * job->size;
        vector a = ZERO, b = ZERO;
        for (long d = 0; d < job->size; d += 2 * LANES) {
            a = FMA(WIDE16(key + d), LOAD(query + d), a);
            b = FMA(WIDE16(key + d + LANES), LOAD(query + d + LANES), b);
        }
        float score = (SUM(a) + SUM(b)) * scale + (mask ? mask[t] : 0);
        weights[t] = score;
        largest = score > largest ? score : largest;
    }
    for (long t = 0; t < job->columns; t++) weights[t] = exponential(weights[t] - largest);
    for (long t = 0; t < job->columns; t++) sum += weights[t];
    for (long t = 0; t < job->columns; t++) weights[t] /= sum;
}

static void attend_heads(void *data) {
    struct heads *job = data;
    for (;;) {
        long head = __atomic_fetch_add(&job->next, 1, __ATOMIC_RELAXED);
        if (head >= job->heads) return;
        float *weights = job->weights + head * job->columns;
        head_weights(job, head, weights);
        for (long d = 0; d < job->size; d += 4 * LANES) {
            vector sums[4] = {ZERO, ZERO, ZERO, ZERO};
            for (long t = 0; t < job->columns; t++) {
                const uint16_t *value = job->value + head * job->value_stride + t * job->size + d;
                for (int i = 0; i < 4; i++) sums[i] = FMA(WIDE16(value + i * LANES), ALL(weights[t]), sums[i]);
            }
            for (int i = 0; i < 4; i++) STORE(job->out + head * job->size + d + i * LANES, sums[i]);
        }
    }
}

/* out = softmax(q k' / sqrt(size) + mask) v, [heads, size]; the keys of a head follow one another, those of the next
   begin `key_stride` values later. `mask` holds a row of columns for each `heads_a_mask` heads. 0 on success. */
int attend(parallel *threads_run, unsigned threads, const float *query, const uint16_t *key, const uint16_t *value,
           const float *mask, float *out, long heads, long columns, long size, long key_stride, long value_stride,
           long heads_a_mask) {
    struct heads job = {.query = query, .mask = mask, .key = key, .value = value, .out = out, .heads = heads};
    job.columns = columns, job.size = size, job.key_stride = key_stride, job.value_stride = value_stride;
    job.heads_a_mask = heads_a_mask;
    job.weights = malloc(sizeof(float) * (size_t)(heads * columns));
    if (!job.weights) return 1;
    run(threads_run, threads, attend_heads, &job);
    free(job.weights);
    return 0;
}

/* integers */

#if VNNI
/* The places of x in the order in which the weight's bytes hold them: of INT4, each block's even ones, then the odd. */
INLINE long place(int bits, long i, long inputs) {
    if (bits == 8) return i;
    long block = i / BLOCK * BLOCK, size = inputs - block < BLOCK ? inputs - block : BLOCK;
    return block + (i & 1) * (size / 2) + (i - block) / 2;
}

static float step_of(const float *x, long size) {
    float largest = 0, poison = 0;
    for (long i = 0; i < size; i++) {
        float value = fabsf(x[i]);
        largest = value > largest ? value : largest;
        poison += x[i] * 0; /* NaN where x is NaN or infinite, and then so is the result */
    }
    return largest / (127 << 16) + poison;
}

static void round_x(const struct job *job, int bits) {
    for (long t = 0; t < job->rows; t++)
        for (long b = 0; b < job->blocks; b++) {
            long from = b * BLOCK, to = from + BLOCK < job->inputs ? from + BLOCK : job->inputs;
            const float *x = job->x + t * job->inputs;
            float step = step_of(x + from, to - from), inverse = step > 0 ? 1 / step : 0;
            job->step[t * job->blocks + b] = step;
            for (long i = from; i < to; i++) {
                int value = (int)lrintf(x[i] * inverse), above = (value - (int8_t)value) >> 8;
                long at = t * job->inputs + place(bits, i, job->inputs);
                job->low[at] = (int8_t)value;
                job->middle[at] = (int8_t)above;
                job->high[at] = (int8_t)((above - (int8_t)above) >> 8);
            }
        }
}

/* The instruction multiplies unsigned by signed bytes. So weights are raised by 8 (or 128), and each lane's sums start
   below zero by what that adds to them: those of the high bytes, and those of the two others. */
static void round_starts(const struct job *job, int raised) {
    const __m512i ones = _mm512_set1_epi8(1), lower = _mm512_set1_epi32(-raised);
    for (long t = 0; t < job->rows; t++)
        for (long b = 0; b < job->blocks; b++) {
            long from = b * BLOCK, to = from + BLOCK < job->inputs ? from + BLOCK : job->inputs;
            __m512i high = _mm512_setzero_si512(), middle = high, low = high;
            for (long i = t * job->inputs + from; i < t * job->inputs + to; i += 64) {
                high = _mm512_dpbusd_epi32(high, ones, _mm512_loadu_si512(job->high + i));
                middle = _mm512_dpbusd_epi32(middle, ones, _mm512_loadu_si512(job->middle + i));
                low = _mm512_dpbusd_epi32(low, ones, _mm512_loadu_si512(job->low + i));
            }
            int32_t *start = job->start + 32 * (t * job->blocks + b);
            low = _mm512_add_epi32(_mm512_slli_epi32(middle, 8), low);
            _mm512_storeu_si512(start, _mm512_mullo_epi32(high, lower));
            _mm512_storeu_si512(start + 16, _mm512_mullo_epi32(low, lower));
        }
}

INLINE __m512i dots64(__m512i sums, __m512i weights, const int8_t *x) {
    return _mm512_dpbusd_epi32(sums, weights, _mm512_loadu_si512(x));
}

INLINE void integers_one(int bits, const int n, const struct job *job, const uint8_t *weight, long t, float *sums) {
    const __m512i top = _mm512_set1_epi8((char)0x80), raise = _mm512_set1_epi8(0x08), nibble = _mm512_set1_epi8(0x0f);
    __m512 sum[TOGETHER];
    for (int r = 0; r < n; r++) sum[r] = _mm512_setzero_ps();
    for (long b = 0; b < job->blocks; b++) {
        long from = b * BLOCK, size = job->inputs - from < BLOCK ? job->inputs - from : BLOCK;
        const int8_t *h = job->high + t * job->inputs + from, *m = job->middle + t * job->inputs + from;
        const int8_t *l = job->low + t * job->inputs + from;
        const int32_t *start = job->start + 32 * (t * job->blocks + b);
        __m512i high[TOGETHER], middle[TOGETHER], low[TOGETHER];
        for (int r = 0; r < n; r++) {
            high[r] = _mm512_loadu_si512(start), low[r] = _mm512_loadu_si512(start + 16);
            middle[r] = _mm512_setzero_si512();
        }
        for (long i = 0; i < size * bits / 8; i += 64)
            for (int r = 0; r < n; r++) {
                __m512i w = _mm512_loadu_si512(weight + r * job->row_bytes + from * bits / 8 + i);
                if (bits == 8) {
                    w = _mm512_xor_si512(w, top);
                    high[r] = dots64(high[r], w, h + i);
                    middle[r] = dots64(middle[r], w, m + i);
                    low[r] = dots64(low[r], w, l + i);
                } else {
                    /* (w ^ 8) & 15, in one instruction */
                    __m512i even = _mm512_ternarylogic_epi32(_mm512_srli_epi16(w, 4), raise, nibble, 0x28);
                    __m512i odd = _mm512_ternarylogic_epi32(w, raise, nibble, 0x28);
                    high[r] = dots64(dots64(high[r], even, h + i), odd, h + size / 2 + i);
                    middle[r] = dots64(dots64(middle[r], even, m + i), odd, m + size / 2 + i);
                    low[r] = dots64(dots64(low[r], even, l + i), odd, l + size / 2 + i);
                }
            }
        float step = job->step[t * job->blocks + b];
        for (int r = 0; r < n; r++) {
            __m512i lower = _mm512_add_epi32(_mm512_slli_epi32(middle[r], 8), low[r]);
            sum[r] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(lower), _mm512_set1_ps(step), sum[r]);
            sum[r] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(high[r]), _mm512_set1_ps(step * 65536), sum[r]);
        }
    }
    for (int r = 0; r < n; r++) sums[r] = _mm512_reduce_add_ps(sum[r]);
}
#else
/* Without that instruction weights are widened to floats; of INT4, x has its even places first, then the odd. */
INLINE void integers_one(int bits, const int n, const struct job *job, const uint8_t *weight, long t, float *sums) {
    const float *x = (bits == 8 ? job->x : job->parted) + t * job->inputs;
    for (int r = 0; r < n; r++) {
        const uint8_t *w = weight + r * job->row_bytes;
        vector a = ZERO, b = ZERO;
        if (bits == 8)
            for (long i = 0; i < job->inputs; i += LANES) a = FMA(WIDE8(w + i), LOAD(x + i), a);
        else
            for (long i = 0; i < job->inputs / 2; i += LANES) {
                a = FMA(EVEN4(w + i), LOAD(x + i), a);
                b = FMA(ODD4(w + i), LOAD(x + job->inputs / 2 + i), b);
            }
        sums[r] = SUM(a) + SUM(b);
    }
}
#endif

INLINE void int8_one(const int n, const struct job *job, const uint8_t *weight, long t, float *sums) {
    integers_one(8, n, job, weight, t, sums);
}
INLINE void int4_one(const int n, const struct job *job, const uint8_t *weight, long t, float *sums) {
    integers_one(4, n, job, weight, t, sums);
}
DOTS(int8_dots, int8_one)
DOTS(int4_dots, int4_one)

static char *cut(char **memory, long bytes) {
    char *part = *memory;
    *memory += (bytes + 63) / 64 * 64;
    return part;
}

/* Makes x ready for integers; 1 where there is no memory. What it allocates is `*memory`. */
static int ready(struct job *job, int bits, char **memory) {
    long values = job->rows * job->inputs;
#if VNNI
    job->blocks = (job->inputs + BLOCK - 1) / BLOCK;
    long blocks = job->rows * job->blocks;
    char *rest = *memory = aligned_alloc(64, (3 * values + 132 * blocks + 5 * 64 + 63) / 64 * 64);
    if (!rest) return 1;
    job->step = (float *)cut(&rest, 4 * blocks), job->start = (int32_t *)cut(&rest, 128 * blocks);
    job->high = (int8_t *)cut(&rest, values), job->middle = (int8_t *)cut(&rest, values), job->low = (int8_t *)rest;
    round_x(job, bits);
    round_starts(job, bits == 8 ? 128 : 8);
#else
    if (bits == 8) return 0;
    char *rest = *memory = aligned_alloc(64, (4 * values + 63) / 64 * 64);
    if (!rest) return 1;
    job->parted = (float *)cut(&rest, 4 * values);
    for (long t = 0; t < job->rows; t++)
        for (long i = 0, half = job->inputs / 2; i < half; i++) {
            job->parted[t * job->inputs + i] = job->x[t * job->inputs + 2 * i];
            job->parted[t * job->inputs + half + i] = job->x[t * job->inputs + 2 * i + 1];
        }
#endif
    return 0;
}

/* out = x W' (+ bias), [T,O] float32; 0 on success, 1 where there is no memory. Where weights are integers, the row of
   an output times its scale is the weight. `kind`: 0 float16, 1 bfloat16, 4 INT4, 8 INT8. */
int rows(parallel *threads_run, unsigned threads, int kind, const uint8_t *weight, const float *scale,
         const float *bias, const float *x, float *out, long count, long outputs, long inputs) {
    struct job job = {.weight = weight, .scale = scale, .bias = bias, .x = x, .out = out, .rows = count};
    char *memory = 0;
    job.outputs = outputs, job.inputs = inputs;
    if (kind < 2) {
        job.dots = kind ? bfloat16_dots : float16_dots, job.row_bytes = 2 * inputs;
    } else {
        job.dots = kind == 8 ? int8_dots : int4_dots, job.row_bytes = inputs * kind / 8;
        if (ready(&job, kind, &memory)) return 1;
    }
    run(threads_run, threads, work, &job);
    free(memory);
    return 0;
}
