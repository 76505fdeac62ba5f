// double arithmetic: n-body, spectral norm, mandelbrot, matrix multiply.
#include <math.h>
#include "bench.h"
#include <stdlib.h>
struct body { double x[3], v[3], m; };
static struct body sun[5] = {
  { { 0, 0, 0 }, { 0, 0, 0 }, 39.47 }, { { 4.84, -1.16, -0.10 }, { 0.6, 2.8, -0.02 }, 0.037 },
  { { 8.34, 4.12, -0.4 }, { -1.01, 1.81, 0.008 }, 0.011 }, { { 12.89, -15.11, -0.22 }, { 1.08, 0.86, -0.01 }, 0.0017 },
  { { 15.37, -25.9, 0.17 }, { 0.97, 0.59, -0.03 }, 0.002 } };
HOT static void advance(double dt)
{
  for (int i = 0; i < 5; i++)
    for (int j = i + 1; j < 5; j++) {
      double d[3], q = 0;
      for (int k = 0; k < 3; k++) { d[k] = sun[i].x[k] - sun[j].x[k]; q += d[k] * d[k]; }
      double mag = dt / (q * sqrt(q));
      for (int k = 0; k < 3; k++) { sun[i].v[k] -= d[k] * sun[j].m * mag; sun[j].v[k] += d[k] * sun[i].m * mag; }
    }
  for (int i = 0; i < 5; i++)
    for (int k = 0; k < 3; k++) sun[i].x[k] += dt * sun[i].v[k];
}
static double A(int i, int j) { return 1.0 / ((i + j) * (i + j + 1) / 2 + i + 1); }
static double spectral(int n)
{
  double *u = malloc(n * sizeof *u), *v = malloc(n * sizeof *v), s = 0;
  for (int i = 0; i < n; i++) u[i] = 1;
  for (int r = 0; r < 10; r++) {
    for (int i = 0; i < n; i++) { double t = 0; for (int j = 0; j < n; j++) t += A(i, j) * u[j]; v[i] = t; }
    for (int i = 0; i < n; i++) { double t = 0; for (int j = 0; j < n; j++) t += A(j, i) * v[j]; u[i] = t; }
  }
  for (int i = 0; i < n; i++) s += u[i] * v[i];
  free(u); free(v);
  return s;
}
static int mandel(int w)
{
  int in = 0;
  for (int y = 0; y < w; y++)
    for (int x = 0; x < w; x++) {
      double cr = 3.0 * x / w - 2.25, ci = 3.0 * y / w - 1.5, a = 0, b = 0;
      int i = 0;
      for (; i < 100 && a * a + b * b < 4; i++) { double t = a * a - b * b + cr; b = 2 * a * b + ci; a = t; }
      in += i == 100;
    }
  return in;
}
static double matmul(int n)
{
  double *a = malloc(n * n * sizeof *a), *b = malloc(n * n * sizeof *b), *c = calloc(n * n, sizeof *c), s = 0;
  for (int i = 0; i < n * n; i++) { a[i] = i % 7 - 3; b[i] = i % 11 - 5; }
  for (int i = 0; i < n; i++)
    for (int k = 0; k < n; k++)
      for (int j = 0; j < n; j++) c[i * n + j] += a[i * n + k] * b[k * n + j];
  for (int i = 0; i < n * n; i += 17) s += c[i];
  free(a); free(b); free(c);
  return s;
}
static void work(void)
{
  double s = 0;
  int in = 0;
  for (int i = 0; i < 200000; i++) advance(0.001);
  s += spectral(200) + matmul(128);
  in += mandel(200);
  printf("float %.6f %d %.6f\n", s, in, sun[0].x[0]);
}
