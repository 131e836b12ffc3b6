{{/* What the chart's resources are called: RELEASE, or RELEASE-gputail; short enough for every suffix. */}}
{{- define "gputail.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- default $full .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* Labels that never change, of (list ROOT COMPONENT): selectors are made of them. */}}
{{- define "gputail.selector" -}}
{{- $root := index . 0 -}}{{- $component := index . 1 -}}
app.kubernetes.io/name: {{ eq $component "postgresql" | ternary "postgresql" "gputail" }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ $component }}
{{- end -}}

{{/* Labels of a resource, of (list ROOT COMPONENT). */}}
{{- define "gputail.labels" -}}
{{- $root := index . 0 -}}
{{ include "gputail.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: gputail
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* The component whose pods have the collectors or the API: of (list ROOT COMPONENT). */}}
{{- define "gputail.host" -}}
{{- eq (index . 0).Values.views.store "sqlite" | ternary "views" (index . 1) -}}
{{- end -}}

{{- define "gputail.image" -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}

{{/* What every pod has in its spec, of (list ROOT VALUES). */}}
{{- define "gputail.pod" -}}
{{- $root := index . 0 -}}{{- $values := index . 1 -}}
automountServiceAccountToken: false
# Variables for Services (GPUTAIL_BROKER_PORT=tcp://...) would look like options of ours.
enableServiceLinks: false
terminationGracePeriodSeconds: 60
securityContext:
  {{- toYaml (default $root.Values.podSecurityContext $values.podSecurityContext) | nindent 2 }}
{{- range $key := list "nodeSelector" "tolerations" "affinity" "topologySpreadConstraints" "priorityClassName" }}
{{- with get $values $key }}
{{ $key }}: {{- if kindIs "string" . }} {{ . }}{{ else }}{{ toYaml . | nindent 2 }}{{ end }}
{{- end }}
{{- end }}
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* A claim's spec, of a `persistence`. */}}
{{- define "gputail.claim" -}}
accessModes: {{- toYaml .accessModes | nindent 2 }}
{{- with .storageClass }}
storageClassName: {{ eq . "-" | ternary "" . | quote }}
{{- end }}
resources:
  requests:
    storage: {{ .size }}
{{- end -}}

{{/* Where liveness and readiness are asked, of the name of a port. A startup probe stands with its container. */}}
{{- define "gputail.probes" -}}
livenessProbe:
  httpGet: {path: /health/live, port: {{ . }}}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /health/ready, port: {{ . }}}
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 2
{{- end -}}
