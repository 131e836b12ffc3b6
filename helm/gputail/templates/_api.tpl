{{/* The API's container: alone in its pod, or with SQLite beside the collector. */}}
{{- define "gputail.apiContainer" -}}
{{- $sqlite := eq .Values.views.store "sqlite" -}}
{{- with .Values.api -}}
name: api
image: {{ include "gputail.image" $ }}
imagePullPolicy: {{ $.Values.image.pullPolicy }}
command: [gputail]
args: [serve]
envFrom:
  - configMapRef: {name: {{ include "gputail.fullname" $ }}-api}
env:
  - name: GPUTAIL_INSTANCE_ID
    valueFrom: {fieldRef: {fieldPath: metadata.name}}
  {{- with include "gputail.viewsSecret" $ }}{{ . | nindent 2 }}{{ end }}
  {{- with .extraEnv }}{{ toYaml . | nindent 2 }}{{ end }}
ports:
  - {name: http, containerPort: 8080}
  - {name: api-admin, containerPort: 9645}
startupProbe:
  httpGet: {path: /health/live, port: api-admin}
  periodSeconds: 1
  timeoutSeconds: 5
  failureThreshold: 120
{{ include "gputail.probes" "api-admin" }}
{{- if and .preStopSeconds (semverCompare ">=1.30.0-0" $.Capabilities.KubeVersion.Version) }}
# It goes on serving until every node has learnt that it ends; then SIGTERM lets it end its answers.
lifecycle:
  preStop:
    sleep: {seconds: {{ .preStopSeconds | int }}}
{{- end }}
securityContext: {{- toYaml $.Values.containerSecurityContext | nindent 2 }}
resources: {{- toYaml .resources | nindent 2 }}
{{- if or $sqlite .extraVolumeMounts }}
volumeMounts:
  {{- if $sqlite }}
  - {name: views, mountPath: /views}
  {{- end }}
  {{- with .extraVolumeMounts }}{{ toYaml . | nindent 2 }}{{ end }}
{{- end }}
{{- end }}
{{- end -}}
