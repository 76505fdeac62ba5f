// cJSON: text to trees, changes in them, and trees to text.
#include "bench.h"
#include "cJSON.h"
#include <stdlib.h>
#include <string.h>
static void work(void)
{
  cJSON *root = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(root, "records");
  char word[32];
  for (int i = 0; i < 600; i++) {
    cJSON *record = cJSON_CreateObject();
    snprintf(word, sizeof word, "name \"%d\"\t\xc3\xa9", i * 7919 % 1009);
    cJSON_AddStringToObject(record, "name", word);
    cJSON_AddNumberToObject(record, "index", i);
    cJSON_AddNumberToObject(record, "price", i * 1.25 + 0.1);
    cJSON_AddBoolToObject(record, "sold", i % 3 == 0);
    cJSON *days = cJSON_AddArrayToObject(record, "days");
    for (int day = 0; day < i % 9; day++) cJSON_AddItemToArray(days, cJSON_CreateNumber(day * i));
    cJSON_AddItemToArray(list, record);
  }
  unsigned long length = 0, sum = 0;
  for (int round = 0; round < 12; round++) {
    char *text = round & 1 ? cJSON_Print(root) : cJSON_PrintUnformatted(root);
    length += strlen(text);
    for (const char *at = text; *at; at++) sum = sum * 31 + (unsigned char)*at;
    cJSON_Delete(root);
    root = cJSON_Parse(text);
    free(text);
    if (!root) abort();
    cJSON *record;
    cJSON_ArrayForEach(record, cJSON_GetObjectItem(root, "records"))
    {
      cJSON *index = cJSON_GetObjectItem(record, "index");
      cJSON_SetNumberValue(index, index->valuedouble + round);
    }
  }
  cJSON_Delete(root);
  printf("json %lu %lx\n", length, sum);
}
