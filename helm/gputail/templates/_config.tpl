{{/*
What each process is told, as the environment variables of its options (docs/cli.md): the data of its
ConfigMap, whose checksum starts its pods anew. Secrets are never among them.
*/}}

{{- define "gputail.config.all" -}}
GPUTAIL_LOG_LEVEL: {{ .Values.log.level }}
GPUTAIL_LOG_FORMAT: {{ .Values.log.format }}
{{- end -}}

{{- define "gputail.config.queue" -}}
GPUTAIL_BOOTSTRAP_SERVERS: {{ default (printf "%s-broker:9092" (include "gputail.fullname" .)) .Values.broker.advertise | quote }}
GPUTAIL_PARTITIONS: {{ .Values.topic.partitions | int64 | quote }}
GPUTAIL_LOG_DAYS: {{ .Values.topic.days | quote }}
{{- with .Values.topic.bytes }}
GPUTAIL_LOG_BYTES: {{ . | int64 | quote }}
{{- end }}
{{- end -}}

{{- define "gputail.config.views" -}}
{{- if eq .Values.views.store "sqlite" }}
GPUTAIL_VIEWS: sqlite:////views
{{- else if eq .Values.views.store "postgresql" }}
GPUTAIL_VIEWS: postgresql://gputail@{{ include "gputail.fullname" . }}-postgresql:5432/gputail?sslmode=disable&schema=gputail
{{- else if not .Values.views.external.urlKey }}
GPUTAIL_VIEWS: {{ .Values.views.external.url | quote }}
{{- end }}
{{- end -}}

{{- define "gputail.config.broker" -}}
{{ include "gputail.config.all" . }}
GPUTAIL_DATA_DIR: /data
GPUTAIL_LISTEN: {{ printf "%s:9092" .Values.listenHost | quote }}
GPUTAIL_ADVERTISE: {{ default (printf "%s-broker.%s.svc:9092" (include "gputail.fullname" .) .Release.Namespace) .Values.broker.advertise | quote }}
GPUTAIL_FLUSH: {{ .Values.broker.flush }}
GPUTAIL_ADMIN_LISTEN: {{ printf "%s:9644" .Values.listenHost | quote }}
{{- end -}}

{{- define "gputail.config.streamer" -}}
{{ include "gputail.config.all" . }}
{{ include "gputail.config.queue" . }}
GPUTAIL_SOURCE: {{ .Values.streamer.source | quote }}
GPUTAIL_SHARE: {{ .Values.streamer.share }}
{{- if not (kindIs "invalid" .Values.streamer.interval) }}
GPUTAIL_INTERVAL: {{ .Values.streamer.interval | quote }}
{{- end }}
{{- with .Values.streamer.rate }}
GPUTAIL_RATE: {{ . | quote }}
{{- end }}
GPUTAIL_ADMIN_LISTEN: {{ printf "%s:9644" .Values.listenHost | quote }}
{{- end -}}

{{- define "gputail.config.collector" -}}
{{ include "gputail.config.all" . }}
{{ include "gputail.config.queue" . }}
{{- include "gputail.config.views" . }}
GPUTAIL_VIEWS_DAYS: {{ .Values.views.days | quote }}
GPUTAIL_BATCH_RECORDS: {{ .Values.collector.batchRecords | int64 | quote }}
GPUTAIL_ADMIN_LISTEN: {{ printf "%s:9644" .Values.listenHost | quote }}
{{- end -}}

{{- define "gputail.config.api" -}}
{{ include "gputail.config.all" . }}
{{- include "gputail.config.views" . }}
GPUTAIL_LISTEN: {{ printf "%s:8080" .Values.listenHost | quote }}
{{- with .Values.api.stalenessSeconds }}
GPUTAIL_STALENESS_S_MAX: {{ . | quote }}
{{- end }}
# Beside the collectors' 9644: with SQLite both are in one pod.
GPUTAIL_ADMIN_LISTEN: {{ printf "%s:9645" .Values.listenHost | quote }}
{{- end -}}

{{/* The entry of `env` with the password of the views' database, or with its whole URL; nothing for SQLite. */}}
{{- define "gputail.viewsSecret" -}}
{{- $external := .Values.views.external -}}
{{- if eq .Values.views.store "postgresql" -}}
- name: PGPASSWORD
  valueFrom:
    secretKeyRef: {{ include "gputail.postgresqlSecret" . }}
{{- else if and (eq .Values.views.store "external") $external.existingSecret -}}
- name: {{ empty $external.urlKey | ternary "PGPASSWORD" "GPUTAIL_VIEWS" }}
  valueFrom:
    secretKeyRef: {name: {{ $external.existingSecret }}, key: {{ default $external.passwordKey $external.urlKey }}}
{{- end -}}
{{- end -}}

{{- define "gputail.postgresqlSecret" -}}
{{- with .Values.postgresql.auth -}}
{{- if .existingSecret -}}
{name: {{ .existingSecret }}, key: {{ .existingSecretKey }}}
{{- else -}}
{name: {{ include "gputail.fullname" $ }}-postgresql, key: password}
{{- end -}}
{{- end -}}
{{- end -}}
